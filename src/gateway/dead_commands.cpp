// SPDX-License-Identifier: Apache-2.0
#include "gateway/dead_commands.hpp"

#include <algorithm>
#include <iostream>

#include "base/log.hpp"
#include "gateway/dead_file.hpp"
#include "gateway/letter_text.hpp"
#include "gateway/selection.hpp"

namespace tributary::gateway {
namespace {

base::Result<LetterDetails> details_of(DeadFile& file, const Letter& letter) {
    LetterDetails details;
    if (const auto* dead = letter.dead()) {
        auto payload = Letters(*file.reader).payload(*dead);
        if (!payload) return payload.error();
        details.payload = std::move(*payload);
        return details;
    }
    const auto& refused = *letter.refused();
    metrics::Registry metrics;
    Wanted wanted;
    wanted.log = refused.source, wanted.from = wanted.to = refused.seq;
    wanted.only.insert({refused.seq, refused.n});
    auto selection = Selection::open(file.path(), file.settings, {wanted}, false, metrics);
    if (!selection) return selection.error();
    for (kafka::Item item; (**selection).feeds()[0]->next(item);) {
        if (item.nothing) continue;
        details.record = *item.record;
        details.record->value = item.value;
    }
    return details;
}

}  // namespace

int dead_ls(const DeadOptions& options) {
    auto file = DeadFile::open(options);
    if (!file) return dead_failed(file.error());
    std::vector<Letter> all;
    for (const auto log : file->logs(options)) {
        auto found = Letters(*file->reader).newest(log, file->away, options.limit == 0 ? 0 : options.limit + 1);
        if (!found) return dead_failed(found.error());
        all.insert(all.end(), std::make_move_iterator(found->begin()), std::make_move_iterator(found->end()));
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.time_ns() < b.time_ns(); });
    const bool more = options.limit != 0 && all.size() > options.limit;
    if (more) all.erase(all.begin(), all.end() - static_cast<ptrdiff_t>(options.limit));
    if (options.json) {
        std::string out;
        record::JsonObject object(out);
        std::string& list = object.key("letters");
        list += '[';
        for (const auto& letter : all) {
            if (&letter != &all.front()) list += ',';
            letter_json(list, letter);
        }
        list += ']';
        object.boolean("more", more).end();
        std::cout << out << '\n';
        return 0;
    }
    if (all.empty()) {
        std::cout << "no letters\n";
        return 0;
    }
    std::cout << letter_header();
    for (const auto& letter : all) std::cout << letter_line(letter);
    if (more) std::cout << "and older ones: --limit 0 shows all\n";
    return 0;
}

int dead_show(const DeadOptions& options) {
    if (options.letters.empty()) return no_letter_named("show");
    auto file = DeadFile::open(options);
    if (!file) return dead_failed(file.error());
    const auto meant = file->meant(options);
    if (!meant) return dead_failed(meant.error());
    for (const auto& letter : *meant) {
        const auto details = details_of(*file, letter);
        if (!details) return dead_failed(details.error());
        std::string out;
        if (options.json)
            letter_json(out, letter, &*details);
        else
            out = letter_page(letter, *details, options.hex);
        std::cout << out << (out.ends_with('\n') ? "" : "\n");
    }
    return 0;
}

int dead_purge(const DeadOptions& options) {
    if (options.letters.empty() && !options.all) return no_letter_named("purge");
    auto file = DeadFile::open(options);
    if (!file) return dead_failed(file.error());
    const auto meant = file->meant(options);
    if (!meant) return dead_failed(meant.error());
    size_t purged = 0;
    for (const auto log : {model::Log::dead, model::Log::refused}) {
        std::vector<uint64_t> seqs;
        for (const auto& letter : *meant)
            if (letter.log == log) seqs.push_back(letter.seq);
        if (seqs.empty()) continue;
        // All: also what lies between them, so that it is one range.
        const auto ranges = options.all ? std::vector<SeqRange>{{1, seqs.back()}} : joined(seqs);
        if (const auto done = file->put_away(log, ranges); !done) return dead_failed(done.error());
        purged += seqs.size();
    }
    if (options.json)
        std::cout << base::format("{{\"purged\":{}}}\n", purged);
    else
        std::cout << base::format("{} letters purged\n", purged);
    return 0;
}

}  // namespace tributary::gateway
