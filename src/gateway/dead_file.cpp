// SPDX-License-Identifier: Apache-2.0
#include "gateway/dead_file.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/log.hpp"
#include "config/load.hpp"
#include "gateway/gateway.hpp"
#include "gateway/store_commands.hpp"
#include "gateway/writer.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kRangesAtOnce = 1000;  // of one request
constexpr int64_t kAnySize = INT64_C(1) << 50;
constexpr int kTrims = 4096;

// Without a gateway: the same fact, and then what may be deleted is.
base::Result<> put_away_in(const std::string& path, model::Log log, const std::vector<SeqRange>& ranges) {
    auto store = store::Store::open({path, kAnySize});
    if (!store) return store.error();
    auto reader = (**store).reader();
    if (!reader) return reader.error();
    const auto meta = (**reader).meta();
    const auto cursors = (**reader).cursors();
    if (!meta) return meta.error();
    if (!cursors) return cursors.error();
    auto away = PutAway::of(*meta);
    for (const auto one : {model::Log::dead, model::Log::refused}) away.forget_below(one, (**store).first_seq(one));
    if (auto added = away.add(log, ranges); !added) return added;
    store::Batch batch;
    batch.meta[kPutAway] = away.text();
    if (auto done = (**store).commit(batch); !done) return done.error();
    uint64_t below = away.behind(log, (**store).first_seq(log));
    if (log == model::Log::dead) {  // Kafka may be owed them
        below = std::min(below, store::cursor(*cursors, kafka_cursor(log)));
    }
    for (int i = 0; i < kTrims && (**store).first_seq(log) < below; i++) {
        const uint64_t before = (**store).first_seq(log);
        store::Batch trim;
        trim.trim_below[log] = below;
        if (auto done = (**store).commit(trim); !done) return done.error();
        if ((**store).first_seq(log) == before) break;  // the rest of a block stays with what is still wanted
    }
    return {};
}

}  // namespace

int dead_failed(const base::Error& error) { return error.code.empty() ? 2 : store_failed(error.code, error.message); }

int no_letter_named(const char* command) {
    std::cerr << base::format("tributary dead {}: which letters? Name them (12, refused/3), or --all\n", command);
    return 2;
}

std::string asked(const std::vector<SeqRange>& ranges) {
    auto numbers = text_of(ranges);
    std::replace(numbers.begin(), numbers.end(), ' ', ',');
    return numbers;
}

std::vector<SeqRange> joined(std::vector<uint64_t> seqs) {
    std::sort(seqs.begin(), seqs.end());
    std::vector<SeqRange> ranges;
    for (const uint64_t seq : seqs) {
        if (!ranges.empty() && seq <= ranges.back().second + 1)
            ranges.back().second = seq;
        else
            ranges.emplace_back(seq, seq);
    }
    return ranges;
}

base::Result<DeadFile> DeadFile::open(const DeadOptions& options) {
    auto loaded = config::load(options.config_path);
    DeadFile file;
    if (loaded.ok()) {
        file.settings = std::move(*loaded.settings);
    } else if (options.path.empty()) {
        std::cerr << config::render(loaded.diagnostics) << "or name the file: --store /var/lib/tributary/store.db\n";
        return base::Error{"", ""};
    }
    if (!options.path.empty()) file.settings.store.path = options.path;
    file.socket = !options.socket.empty()                        ? options.socket
                  : file.settings.gateway.control_socket.empty() ? default_socket()
                                                                 : file.settings.gateway.control_socket;
    auto reader = store::Reader::open(file.path());
    if (!reader) return reader.error();
    file.reader = std::move(*reader);
    const auto meta = file.reader->meta();
    if (!meta) return meta.error();
    file.away = PutAway::of(*meta);
    return file;
}

std::vector<model::Log> DeadFile::logs(const DeadOptions& options) const {
    if (options.log.empty()) return {model::Log::dead, model::Log::refused};
    return {*model::log_by_name(options.log)};
}

base::Result<std::vector<Letter>> DeadFile::meant(const DeadOptions& options) {
    Letters letters(*reader);
    std::vector<Letter> found;
    if (options.all) {
        for (const auto log : logs(options)) {
            auto all = letters.newest(log, away, 0);
            if (!all) return all.error();
            found.insert(found.end(), std::make_move_iterator(all->begin()), std::make_move_iterator(all->end()));
        }
        return found;
    }
    for (const auto& text : options.letters) {
        const auto name = letter_name(text, options.log.empty() ? model::Log::dead : *model::log_by_name(options.log));
        if (!name)
            return base::Error{kNoLetter, base::format("\"{}\" names no letter: they are called like 12, dead/12 or "
                                                       "refused/3, see tributary dead ls",
                                                       text)};
        auto letter = letters.at(name->first, name->second);
        if (!letter) return letter.error();
        if (!*letter || away.has(name->first, name->second))
            return base::Error{kNoLetter, base::format("there is no letter {}/{} (any more): tributary dead ls",
                                                       model::log_name(name->first), name->second)};
        found.push_back(std::move(**letter));
    }
    return found;
}

bool DeadFile::running() const { return !store::running_pid(path()).empty(); }

base::Result<std::string> DeadFile::ask(const std::string& request_line) const {
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(path(), failed).string();
    auto answer = request(socket, request_line + " " + absolute);
    if (!answer) return answer.error();
    if (!answer->starts_with("error: ")) return answer;
    auto text = answer->substr(7);
    while (text.ends_with('\n')) text.pop_back();
    const size_t colon = text.find(": ");
    if (!text.starts_with("TRB-") || colon == std::string::npos) return base::Error{kNotStored, text};
    return base::Error{text.substr(0, colon), text.substr(colon + 2)};
}

base::Result<> DeadFile::put_away(model::Log log, std::vector<SeqRange> ranges) {
    if (!running()) return put_away_in(path(), log, ranges);
    for (size_t at = 0; at < ranges.size(); at += kRangesAtOnce) {
        const auto end = std::min(at + kRangesAtOnce, ranges.size());
        const auto numbers =
            asked({ranges.begin() + static_cast<ptrdiff_t>(at), ranges.begin() + static_cast<ptrdiff_t>(end)});
        const auto done = ask(base::format("dead put-away {} {}", model::log_name(log), numbers));
        if (!done) return done.error();
    }
    return {};
}

}  // namespace tributary::gateway
