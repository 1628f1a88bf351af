// SPDX-License-Identifier: Apache-2.0
#include "gateway/selection.hpp"

#include <algorithm>

#include "gateway/context_feed.hpp"
#include "gateway/feeds.hpp"
#include "gateway/poison.hpp"

namespace tributary::gateway {

void SelectedFeed::seek(uint64_t seq) {
    feed_->seek(seq);
    at_ = seq;
    in_record_ = ended_ = false;
}

// To the next single record that is wanted; false: there is none.
bool SelectedFeed::place() {
    if (in_record_) return true;
    if (at_ > wanted_.to) return false;
    if (wanted_.only.empty()) return true;
    const auto next = wanted_.only.lower_bound({at_, 0});
    if (next == wanted_.only.end()) return false;
    if (next->first > at_) feed_->seek(at_ = next->first);
    return true;
}

bool SelectedFeed::next(kafka::Item& item) {
    while (!ended_ && place()) {
        if (!feed_->next(item)) {
            if (item.busy) return false;
            break;
        }
        if (item.seq > wanted_.to) break;
        in_record_ = !item.last && !item.nothing;
        if (!in_record_) at_ = item.seq + 1;
        const RecordName name{item.seq, item.n};
        if (!item.nothing && !wanted_.only.empty() && !wanted_.only.contains(name)) {
            if (in_record_) continue;
            item.nothing = true;  // what was wanted of this record is done
            item.record = nullptr;
            item.keep.reset();
        }
        item.accounts = nullptr;
        if (!item.nothing) {
            record_ = *item.record;
            record_.replayed = replayed_;
            item.record = &record_;
            if (name >= counted_) {
                topics_[record_.topic]++;
                counted_ = {item.seq, item.n + 1};
            }
            if (!wanted_.only.empty()) given_.insert(name);
        }
        furthest_ = std::max(furthest_, item.seq);
        return true;
    }
    item = {};
    ended_ = true;
    return false;
}

base::Result<std::unique_ptr<Selection>> Selection::open(const std::string& path, const config::Settings& settings,
                                                         std::vector<Wanted> wanted, bool replayed,
                                                         metrics::Registry& metrics) {
    auto reader = store::Reader::open(path);
    if (!reader) return reader.error();
    auto meta = (**reader).meta();
    auto cursors = (**reader).cursors();
    if (!meta) return meta.error();
    if (!cursors) return cursors.error();
    auto selection = std::make_unique<Selection>();
    for (const auto log : model::kLogs) {
        const auto next = (**reader).next_seq(log);
        if (!next) return next.error();
        selection->cache_.set_end(log, *next);
    }
    selection->source_ = std::make_unique<BlockSource>(selection->cache_, std::move(*reader), metrics);
    auto& source = *selection->source_;
    source.set_poison(Poison::skips_of(*meta));
    const uint64_t engine = (*cursors)["engine"];
    const record::Routing routing(settings);
    for (auto& one : wanted) {
        std::unique_ptr<kafka::Feed> feed;
        if (one.log == model::Log::intake) {
            const uint64_t limit = std::min(one.to + 1, engine);
            feed = std::make_unique<IntakeFeed>(one.from, source, routing, [limit] { return limit; });
        } else if (one.log == model::Log::context) {
            feed = std::make_unique<ContextFeed>(one.from, source, routing, metrics);
        } else {
            feed = std::make_unique<OutputFeed>(one.log, one.from, source, routing);
        }
        selection->feeds_.push_back(std::make_unique<SelectedFeed>(std::move(feed), std::move(one), replayed));
    }
    return selection;
}

std::vector<kafka::Feed*> Selection::list() const {
    std::vector<kafka::Feed*> out;
    for (const auto& feed : feeds_) out.push_back(feed.get());
    return out;
}

}  // namespace tributary::gateway
