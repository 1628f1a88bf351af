#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks: house_test.py ROOT.

Reads the room table of src/README.md and fails with file:line on includes it does not allow, exceptions in rooms that
have nobody to catch from, files over 500 lines, missing licence lines and header comments, error codes that docs/errors.md
does not explain, and words that must not be in a public tree. First it proves on a fake tree that it can fail at all.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# What a word of the table's last column allows to include.
THIRD_PARTY = {
    "fmt": r"fmt/.*",
    "spdlog": r"spdlog/.*",
    "libcrypto": r"openssl/.*",
    "OpenSSL": r"openssl/.*",
    "toml++": r"toml\+\+/.*|toml\.hpp",
    "nlohmann/json": r"nlohmann/.*",
    "prometheus-cpp": r"prometheus/.*",
    "sqlite3": r"sqlite3(ext)?\.h",
    "zstd": r"zstd.*\.h|zdict\.h",
    "Paho C": r"MQTT\w+\.h",
    "Paho C++": r"mqtt/.*",
    "librdkafka": r"librdkafka/.*",
    "libcurl": r"curl/.*",
    "libsystemd": r"systemd/.*",
    "ONNX Runtime": r"onnxruntime_c_api\.h",
    "date": r"date/.*",
    "CLI11": r"CLI/.*",
    "doctest": r"doctest/.*",
}
MAX_LINES = 500
# Written in two pieces, so that this file does not find itself.
FORBIDDEN = [
    re.compile(r"(^|[^\w.-])/(wor" + r"k|far" + r"m)/"),
    re.compile(r"https?://[\w.-]*(debian|pypi|maven|npmjs|golang)" + r"[\w.-]*/"),
]
CODE = re.compile(r"TRB-[A-Z]+-\d{3}")
CPP = {".cpp", ".hpp", ".h"}


def without_comments(text, keep_strings):
    """Comments (and strings) become blanks; line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"\w*\(.*?\)\w*"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'R" and keep_strings:
            return found
        return re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


class House:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.problems = []
        self.rooms = self.read_table()

    def report(self, path, line, text):
        self.problems.append(f"{path.relative_to(self.root)}:{line}: {text}")

    def read_table(self):
        rooms = {}
        for line in (self.root / "src/README.md").read_text().splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 4 and cells[0].startswith("`"):
                words = [[w.strip() for w in cell.split(",") if w.strip() not in ("", "-")] for cell in cells[2:]]
                rooms[cells[0].strip("`/")] = {"uses": set(words[0]) | {"base"}, "third": set(words[1])}
        return rooms

    def tracked(self):
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=self.root, capture_output=True, text=True)
        top = subprocess.run(["git", "rev-parse", "--show-toplevel"], cwd=self.root, capture_output=True, text=True)
        if listed.returncode == 0 and pathlib.Path(top.stdout.strip()) == self.root.resolve():
            names = listed.stdout.splitlines()
        else:
            names = [p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()]
        skip = ("build/", ".git/", ".venv/", ".cache/")
        return [self.root / n for n in names if not n.startswith(skip) and (self.root / n).is_file()]

    def check(self):
        if not self.rooms:
            self.problems.append("src/README.md: no room table")
        files = self.tracked()
        for path in files:
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue  # a golden file of a binary format
            self.check_words(path, text)
            if path.suffix in CPP | {".py", ".sh"}:
                self.check_source(path, text)
        for path in sorted((self.root / "src").glob("*/*")):
            if path.suffix in CPP:
                self.check_room_file(path, path.read_text())
        self.check_reach()
        self.check_folders()
        self.check_error_codes()
        return self.problems

    def check_words(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            if any(word.search(line) for word in FORBIDDEN):
                self.report(path, number, "a path or host that only exists elsewhere")

    def check_source(self, path, text):
        lines = text.splitlines()
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]):
            self.report(path, 1, "no SPDX line at the top")
        if len(lines) > MAX_LINES:
            self.report(path, len(lines), f"more than {MAX_LINES} lines: split it along what it does")
        if path.suffix in CPP and path.relative_to(self.root).parts[0] == "tests":
            return
        if path.suffix == ".hpp":
            opening = 0
            while opening < len(lines) and lines[opening].startswith("//"):
                opening += 1
            if opening < 3:
                self.report(path, 1, "a header opens with a comment: what it is, who owns it, which thread")

    def check_room_file(self, path, text):
        room = path.parent.name
        if room not in self.rooms:
            return  # check_folders says so once
        row = self.rooms[room]
        for number, line in enumerate(without_comments(text, keep_strings=True).splitlines(), 1):
            include = re.match(r'\s*#\s*include\s*[<"]([^">]+)[">]', line)
            if include:
                self.check_include(path, number, room, row, include.group(1))
        if not row["third"]:
            for number, line in enumerate(without_comments(text, keep_strings=False).splitlines(), 1):
                if re.search(r"\b(try\s*\{|catch\s*\()", line):
                    self.report(path, number, f"try/catch in {room}, which includes nobody who throws: use base::Result")

    def check_include(self, path, number, room, row, header):
        first = header.split("/")[0]
        if "/" in header and (self.root / "src" / header).is_file():
            if first != room and first not in row["uses"]:
                self.report(path, number, f"{room} may not use {first} (src/README.md)")
            return
        for name, pattern in THIRD_PARTY.items():
            if re.fullmatch(pattern, header):
                allowed = any(re.fullmatch(THIRD_PARTY.get(word, r"$^"), header) for word in row["third"])
                if not allowed:
                    self.report(path, number, f"<{header}> ({name}) is not for {room} (src/README.md)")
                return
        if "/" in header and first in self.rooms:
            self.report(path, number, f"\"{header}\" does not exist")

    def check_reach(self):
        """`room::name` or one of STANDARD is used: a header that has it is included, by way of others of ours at the most."""
        includes, words, standard = {}, {}, {}
        for path in [p for folder in ("src", "tests") for p in sorted((self.root / folder).glob("*/*")) if p.suffix in CPP]:
            text = path.read_text()
            includes[path] = {folder / name for name in re.findall(r'^#include "([^"]+)"', text, re.M)
                              for folder in (self.root / "src", self.root / "tests", path.parent)}
            standard[path] = set(re.findall(r"^#include <([a-z_]+)>", text, re.M))
            words[path] = without_comments(text, keep_strings=False)
        known = {path: set(re.findall(r"\w+", text)) for path, text in words.items() if path.suffix == ".hpp"}

        def reach(path, seen):
            for header in includes.get(path, ()):
                if header not in seen:
                    seen.add(header)
                    reach(header, seen)
            return seen

        for path, text in words.items():
            reached = reach(path, {path})
            for names, header in STANDARD:
                match = names.search(text)
                if match and not any(header in standard.get(other, ()) for other in reached):
                    self.report(path, text.count("\n", 0, match.start()) + 1,
                                f"{match[0]}: <{header}> is not included (a precompiled header or this compiler's library hides it)")
            room = path.parent.name
            usable = self.rooms[room]["uses"] | {room} if path.parts[-3] == "src" and room in self.rooms else set(self.rooms)
            for match in re.finditer(rf"\b({'|'.join(sorted(usable))})::(\w+)", text):
                having = {header for header, names in known.items() if header.parent.name == match[1] and match[2] in names}
                if having and not having & reached:
                    self.report(path, text.count("\n", 0, match.start()) + 1,
                                f"{match[0]}: {' or '.join(sorted(h.name for h in having))} is not included (a precompiled header hides it)")

    def check_folders(self):
        folders = {p.name for p in (self.root / "src").iterdir() if p.is_dir() and any(p.iterdir())}
        for room in sorted(folders - set(self.rooms)):
            self.problems.append(f"src/{room}: not in the table of src/README.md")
        for room in sorted(set(self.rooms) - folders):
            self.problems.append(f"src/README.md: there is no room {room}")
        for room, row in self.rooms.items():
            for used in sorted(row["uses"] - set(self.rooms)):
                self.problems.append(f"src/README.md: {room} uses {used}, which has no row")
            for word in sorted(row["third"] - set(THIRD_PARTY)):
                self.problems.append(f"src/README.md: {room}: \"{word}\" is a library house_test.py does not know")

    def check_error_codes(self):
        used = {}
        for path in sorted((self.root / "src").glob("*/*")):
            if path.suffix in CPP:
                for number, line in enumerate(without_comments(path.read_text(), keep_strings=True).splitlines(), 1):
                    for code in CODE.findall(line):
                        used.setdefault(code, (path, number))
        table = self.root / "docs/errors.md"
        listed = {}
        if table.is_file():
            for number, line in enumerate(table.read_text().splitlines(), 1):
                for code in CODE.findall(line):
                    listed.setdefault(code, number)
        for code in sorted(used.keys() - listed.keys()):
            self.report(*used[code], f"{code} has no line in docs/errors.md")
        for code in sorted(listed.keys() - used.keys()):
            self.report(table, listed[code], f"{code} is used nowhere in src")


# Which library header brings which other one along is the compiler's business and changes with it.
STANDARD = [(re.compile(rf"\b(?:{names})\b"), header) for header, names in {
    "algorithm": r"std::(?:sort|stable_sort|find|find_if|find_if_not|any_of|all_of|none_of|count_if|lower_bound|upper_bound|equal_range|clamp|"
                 r"copy|copy_if|copy_n|fill|fill_n|remove_if|max_element|min_element|minmax_element|reverse|transform|equal|unique|shuffle)",
    "array": r"std::array",
    "atomic": r"std::atomic\w*",
    "chrono": r"std::chrono",
    "cmath": r"std::(?:sqrt|isnan|isfinite|isinf|floor|ceil|pow|exp|log|log2|log10|fabs|hypot|nextafter|llround|lround|round|trunc)",
    "condition_variable": r"std::condition_variable",
    "cstdint": r"u?int(?:8|16|32|64|ptr)_t",
    "cstring": r"std::(?:memcpy|memcmp|memchr|memmove|memset|strlen|strcmp|strchr)",
    "deque": r"std::deque",
    "functional": r"std::function",
    "limits": r"std::numeric_limits",
    "map": r"std::(?:multi)?map",
    "memory": r"std::(?:unique_ptr|shared_ptr|weak_ptr|make_unique|make_shared)",
    "mutex": r"std::(?:mutex|lock_guard|unique_lock|scoped_lock)",
    "numeric": r"std::(?:accumulate|iota)",
    "optional": r"std::(?:optional|nullopt)",
    "random": r"std::(?:mt19937\w*|uniform_int_distribution|normal_distribution)",
    "set": r"std::(?:multi)?set",
    "span": r"std::span",
    "thread": r"std::(?:thread|this_thread)",
    "unordered_map": r"std::unordered_map",
    "variant": r"std::variant",
    "vector": r"std::vector",
}.items()]

GOOD = {
    "src/README.md": "| room | what | may use | third party |\n|---|---|---|---|\n| `base` | x | - | fmt |\n"
                     "| `model` | x | - | - |\n| `store` | x | model | sqlite3 |\n",
    "src/base/a.hpp": "// SPDX-License-Identifier: Apache-2.0\n// What\n// Who\n#include <fmt/format.h>\ninline int kMost = 1;\n",
    "src/model/a.hpp": "// SPDX-License-Identifier: Apache-2.0\n// What\n// try { this\n#include \"base/a.hpp\"\n",
    "src/store/a.cpp": "// SPDX-License-Identifier: Apache-2.0\n#include <sqlite3.h>\n#include \"model/a.hpp\"\n"
                       "const char* code = \"TRB-STORE-001\"; void f() { try { } catch (int) { } }\n",
    "docs/errors.md": "| TRB-STORE-001 | x |\n",
}
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
# One violation each, and the word its report must contain.
BAD = [
    ("src/model/b.cpp", SPDX + "int x = base::kMost;\n", "a.hpp is not included"),
    ("src/model/b.cpp", SPDX + "#include <map>\nuint64_t x;\n", "<cstdint> is not included"),
    ("src/model/b.cpp", SPDX + '#include "store/a.hpp"\n', "does not exist"),
    ("src/base/b.cpp", SPDX + '#include "model/a.hpp"\n', "base may not use model"),
    ("src/model/b.cpp", SPDX + "#include <fmt/core.h>\n", "is not for model"),
    ("src/base/b.cpp", SPDX + "#include <sqlite3.h>\n", "is not for base"),
    ("src/model/b.cpp", SPDX + "void f() {\n  try { } catch (int) { }\n}\n", "b.cpp:3: try/catch"),
    ("src/model/b.cpp", SPDX + "\n" * MAX_LINES, "more than"),
    ("src/model/b.cpp", "// nothing\n", "no SPDX"),
    ("src/model/b.hpp", SPDX + "// One line is too few\n", "opens with a comment"),
    ("src/store/b.cpp", SPDX + 'const char* c = "TRB-STORE-002";\n', "TRB-STORE-002 has no line"),
    ("docs/errors.md", "TRB-STORE-001 TRB-STORE-009\n", "TRB-STORE-009 is used nowhere"),
    ("notes.md", "see /wor" + "k/thing\n", "notes.md:1: a path or host"),
    ("src/attic/b.cpp", SPDX, "src/attic: not in the table"),
]


def in_fake_tree(changes):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **changes}.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return House(folder).check()


def self_test():
    clean = in_fake_tree({})
    assert clean == [], f"the clean tree is blamed: {clean}"
    for name, text, word in BAD:
        found = in_fake_tree({name: text})
        assert any(word in line for line in found), f"{name}: expected \"{word}\", got {found}"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: house_test.py ROOT")
    self_test()
    problems = House(sys.argv[1]).check()
    print("\n".join(problems) or "the house is in order")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
