// SPDX-License-Identifier: Apache-2.0
// The read side. Each call is a few short statements and no transaction stays open behind it: an open one would keep
// the writer's WAL from starting over.
#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "store/pack.hpp"
#include "store/schema.hpp"
#include "store/writer.hpp"

namespace tributary::store {
namespace {

// With it every column that block() reads, in its order.
#define TRB_BLOCK_COLUMNS "SELECT log, seq, count, first_time, last_time, incarnation, class, crc, body, id FROM block "
#define TRB_FACTS "SELECT seq, count, first_time, last_time, class, length(body) FROM block WHERE log = ? "
// How many rows are looked at, without the index, for one that the index does not know.
constexpr int64_t kRowsToLookAt = 512;

class SqliteReader final : public Reader {
  public:
    explicit SqliteReader(std::shared_ptr<std::atomic<bool>> damage_seen) : damage_seen_(std::move(damage_seen)) {}
    base::Result<> start(const std::string& path);

    base::Result<std::optional<Block>> block_at(model::Log log, uint64_t seq) override;
    base::Result<std::optional<Block>> block_of_class(model::Log log, uint64_t seq, uint8_t block_class) override;
    base::Result<uint64_t> seq_behind(model::Log log, uint64_t seq) override;
    base::Result<std::vector<Block>> newest(model::Log log, uint64_t records) override;
    base::Result<> facts(model::Log log, bool newest_first,
                         const std::function<bool(const BlockFacts&)>& each) override;
    base::Result<Cursors> cursors() override;
    base::Result<std::optional<Checkpoint>> checkpoint() override;
    base::Result<model::Ledger> ledger() override;
    base::Result<std::map<std::string, std::string>> meta() override;
    base::Result<std::optional<std::pair<uint64_t, std::string>>> config_at(uint64_t seq) override;
    base::Result<uint64_t> next_seq(model::Log log) override;

  private:
    base::Result<Block> block(Statement& row);
    bool index_lies(int64_t id);
    base::Result<> check_empty(model::Log log, uint64_t seq);
    base::Result<> check_gap(model::Log log, uint64_t seq, int64_t above_id);
    base::Error failed();
    base::Error lying_index();
    base::Error bad_block(model::Log log, uint64_t seq, uint32_t count);

    std::shared_ptr<std::atomic<bool>> damage_seen_;
    std::string path_;
    Database database_;
    Packer packer_{1};
    Statement at_or_below_, at_or_above_, of_class_, above_, backwards_, by_id_, hidden_, any_, last_id_;
    Statement facts_, facts_back_;
    Statement cursors_, checkpoint_, ledger_, meta_, config_at_, next_seq_;
};

// Ends the statement's read transaction on every way out.
struct Ended {
    Statement& statement;
    ~Ended() { statement.reset(); }
};

base::Result<> SqliteReader::start(const std::string& path) {
    path_ = path;
    if (!database_.open(path, Database::Mode::read)) return failed();
    if (auto known = check_version(database_, path); !known) return known;
    const bool prepared =
        database_.exec("PRAGMA cache_size = -256; PRAGMA cell_size_check = ON") &&
        at_or_below_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? AND seq <= ? ORDER BY seq DESC LIMIT 1") &&
        at_or_above_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? AND seq >= ? ORDER BY seq LIMIT 1") &&
        by_id_.prepare(database_, TRB_BLOCK_COLUMNS "NOT INDEXED WHERE id = ?") &&
        hidden_.prepare(database_,
                        "SELECT id FROM block NOT INDEXED WHERE id >= ? AND id < ? AND log = ? AND seq <= ? AND "
                        "seq + count > ? LIMIT 1") &&
        any_.prepare(database_, "SELECT id FROM block NOT INDEXED WHERE id BETWEEN ? AND ? AND log = ? LIMIT 1") &&
        last_id_.prepare(database_, "SELECT max(id) FROM block") &&
        of_class_.prepare(database_,
                          TRB_BLOCK_COLUMNS "WHERE log = ? AND seq >= ? AND class = ? ORDER BY seq LIMIT 1") &&
        above_.prepare(database_, "SELECT seq FROM block WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1") &&
        backwards_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? ORDER BY seq DESC") &&
        facts_.prepare(database_, TRB_FACTS "ORDER BY seq") &&
        facts_back_.prepare(database_, TRB_FACTS "ORDER BY seq DESC") &&
        cursors_.prepare(database_, "SELECT name, n FROM state WHERE kind = 'cursor'") &&
        checkpoint_.prepare(database_, "SELECT seq, version, crc, body FROM checkpoint ORDER BY id DESC") &&
        ledger_.prepare(database_, "SELECT kind, name, item, n FROM state WHERE kind IN ('stream', 'log')") &&
        meta_.prepare(database_, "SELECT name, value FROM meta") &&
        config_at_.prepare(database_,
                           "SELECT seq, crc, body FROM config_history WHERE seq <= ? ORDER BY seq DESC LIMIT 1") &&
        next_seq_.prepare(database_, "SELECT n FROM state WHERE kind = 'next_seq' AND name = ?");
    if (!prepared) return failed();
    return {};
}

base::Error SqliteReader::failed() {
    if (database_.damaged() && damage_seen_) damage_seen_->store(true);
    return database_.error("read");
}

base::Error SqliteReader::lying_index() {
    database_.note(SQLITE_CORRUPT_INDEX);
    return failed();
}

// Its end is where the next one begins: the count may be what is damaged.
base::Error SqliteReader::bad_block(model::Log log, uint64_t seq, uint32_t count) {
    const auto behind = seq_behind(log, seq);
    return {kFormat, base::format("the store {} has a damaged block: {} {}..{} cannot be read", path_,
                                  model::log_name(log), seq, (behind ? *behind : seq + std::max(count, 1U)) - 1)};
}

base::Result<Block> SqliteReader::block(Statement& row) {
    BlockHead head;
    head.log = static_cast<uint8_t>(row.integer(0));
    head.seq = static_cast<uint64_t>(row.integer(1));
    head.count = static_cast<uint32_t>(row.integer(2));
    head.first_time_ns = row.integer(3);
    head.last_time_ns = row.integer(4);
    head.incarnation = row.text(5);
    head.block_class = static_cast<uint8_t>(row.integer(6));
    const auto body = row.blob(8);
    const auto log = static_cast<model::Log>(head.log);
    Block block{log, head.seq,        head.count, head.first_time_ns, head.last_time_ns, std::string(head.incarnation),
                {},  head.block_class};
    if (static_cast<int64_t>(block_crc(head, body)) == row.integer(7) && packer_.unpack(body, block.body)) return block;
    if (&row != &by_id_ && index_lies(row.integer(9))) return lying_index();
    return bad_block(log, head.seq, head.count);
}

// Log and seq above came from the index. If the row alone is sound, they are what is wrong.
bool SqliteReader::index_lies(int64_t id) {
    const Ended ended{by_id_};
    return by_id_.first(id) && block(by_id_).ok();
}

// Nothing stands at seq, by the index. Whether that is true, the rows appended before the next one tell. (Not only
// those behind the neighbour below: what a damaged index calls the neighbour may be anything.)
base::Result<> SqliteReader::check_gap(model::Log log, uint64_t seq, int64_t above_id) {
    const Ended ended{hidden_}, also_ended{last_id_}, and_ended{at_or_below_};
    if (above_id == 0 && last_id_.first()) above_id = last_id_.integer(0) + 1;
    const int64_t below_id = above_id - kRowsToLookAt;
    const auto hidden = [&] { return hidden_.first(below_id, above_id, static_cast<int>(log), seq, seq); };
    const auto covered = [&] {
        return at_or_below_.first(static_cast<int>(log), seq) &&
               static_cast<uint64_t>(at_or_below_.integer(1)) + static_cast<uint64_t>(at_or_below_.integer(2)) > seq;
    };
    // Asked again, because the writer may have appended or trimmed it between two questions.
    const bool lies = hidden() && !covered() && hidden();
    if (!last_id_.ok() || !hidden_.ok() || !at_or_below_.ok()) return failed();
    if (lies) return lying_index();
    return {};
}

// The index knows no block of this log, neither up to seq nor from it on. When the newest rows hold one, it lies; or
// the writer was here.
base::Result<> SqliteReader::check_empty(model::Log log, uint64_t seq) {
    const Ended ended{any_}, also_ended{last_id_}, and_ended{at_or_above_}, and_that_ended{at_or_below_};
    const int64_t newest = last_id_.first() ? last_id_.integer(0) : 0;
    const int number = static_cast<int>(log);
    const auto there = [&] { return any_.first(newest - kRowsToLookAt, newest, number); };
    const bool lies = there() && !at_or_below_.first(number, seq) && !at_or_above_.first(number, seq) && there();
    if (!last_id_.ok() || !any_.ok() || !at_or_below_.ok() || !at_or_above_.ok()) return failed();
    if (lies) return lying_index();
    return {};
}

base::Result<std::optional<Block>> SqliteReader::block_at(model::Log log, uint64_t seq) {
    using Found = std::optional<Block>;
    seq = std::min(seq, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    const auto next = next_seq(log);  // before the blocks: what it counts must be among them
    if (!next) return next.error();
    bool below = false;
    {
        const Ended ended{at_or_below_};
        if (at_or_below_.first(static_cast<int>(log), seq)) {
            const auto end =
                static_cast<uint64_t>(at_or_below_.integer(1)) + static_cast<uint64_t>(at_or_below_.integer(2));
            if (end > seq) {
                auto found = block(at_or_below_);
                return found ? base::Result<Found>(std::move(*found)) : found.error();
            }
            below = true;
        } else if (!at_or_below_.ok()) {
            return failed();
        }
    }
    const Ended ended{at_or_above_};
    if (at_or_above_.first(static_cast<int>(log), seq)) {
        if (auto gap = check_gap(log, seq, at_or_above_.integer(9)); !gap) return gap.error();
        auto found = block(at_or_above_);
        return found ? base::Result<Found>(std::move(*found)) : found.error();
    }
    if (!at_or_above_.ok()) return failed();
    if (*next <= seq) return Found{};
    if (auto gap = below ? check_gap(log, seq, 0) : check_empty(log, seq); !gap) return gap.error();
    if (!below) return Found{};  // all of it was trimmed
    return base::Error{kFormat, base::format("the store {} has lost the end of a log: {} {}..{} is not there", path_,
                                             model::log_name(log), seq, *next - 1)};
}

base::Result<std::optional<Block>> SqliteReader::block_of_class(model::Log log, uint64_t seq, uint8_t block_class) {
    const Ended ended{of_class_};
    if (!of_class_.first(static_cast<int>(log), seq, static_cast<int>(block_class))) {
        if (!of_class_.ok()) return database_.error("read");
        return std::optional<Block>{};
    }
    auto found = block(of_class_);
    if (!found) return found.error();
    return std::optional<Block>(std::move(*found));
}

base::Result<uint64_t> SqliteReader::seq_behind(model::Log log, uint64_t seq) {
    // Not by its count: the row may be what is damaged.
    const Ended ended{above_}, also_ended{at_or_below_};
    if (above_.first(static_cast<int>(log), seq)) return static_cast<uint64_t>(above_.integer(0));
    if (!above_.ok()) return failed();
    auto next = next_seq(log);
    if (!next) return next;
    // At the end a count that is too great does count: the writer goes on above it (Writer::load_seqs), and a walk has
    // to get there.
    uint64_t end = seq + 1;
    if (at_or_below_.first(static_cast<int>(log), seq))
        end = std::max(end, static_cast<uint64_t>(at_or_below_.integer(1) + at_or_below_.integer(2)));
    if (!at_or_below_.ok()) return failed();
    return std::max(*next, end);
}

base::Result<std::vector<Block>> SqliteReader::newest(model::Log log, uint64_t records) {
    std::vector<Block> blocks;
    uint64_t found = 0;
    const Ended ended{backwards_};
    backwards_.start(static_cast<int>(log));
    while (found < records && backwards_.next()) {
        auto next = block(backwards_);
        if (next) {
            found += next->count;
            blocks.push_back(std::move(*next));
        } else {
            // It is reported where it is missed: by block_at().
            base::log::warning("{}", next.error().text());
        }
    }
    if (!backwards_.ok()) return failed();
    std::reverse(blocks.begin(), blocks.end());
    return blocks;
}

base::Result<> SqliteReader::facts(model::Log log, bool newest_first,
                                   const std::function<bool(const BlockFacts&)>& each) {
    Statement& row = newest_first ? facts_back_ : facts_;
    const Ended ended{row};
    row.start(static_cast<int>(log));
    while (row.next())
        if (!each({static_cast<uint64_t>(row.integer(0)), static_cast<uint32_t>(row.integer(1)), row.integer(2),
                   row.integer(3), static_cast<uint8_t>(row.integer(4)), row.integer(5)}))
            return {};
    if (!row.ok()) return failed();
    return {};
}

base::Result<Cursors> SqliteReader::cursors() {
    Cursors cursors;
    cursors_.start();
    while (cursors_.next()) cursors.emplace(std::string(cursors_.text(0)), static_cast<uint64_t>(cursors_.integer(1)));
    if (!cursors_.ok()) return failed();
    return cursors;
}

base::Result<std::optional<Checkpoint>> SqliteReader::checkpoint() {
    const Ended ended{checkpoint_};
    checkpoint_.start();
    while (checkpoint_.next()) {
        Checkpoint checkpoint{static_cast<uint64_t>(checkpoint_.integer(0)), std::string(checkpoint_.text(1)), {}};
        const auto body = checkpoint_.blob(3);
        if (static_cast<int64_t>(text_crc(checkpoint.seq, checkpoint.version, body)) == checkpoint_.integer(2) &&
            packer_.unpack(body, checkpoint.state))
            return std::optional<Checkpoint>(std::move(checkpoint));
        base::log::warning("the engine's checkpoint at {} in {} is damaged; an older one is tried", checkpoint.seq,
                           path_);
    }
    if (!checkpoint_.ok()) return failed();
    return std::optional<Checkpoint>{};
}

base::Result<model::Ledger> SqliteReader::ledger() {
    model::Ledger ledger;
    ledger_.start();
    while (ledger_.next()) {
        const auto name = ledger_.text(1), item = ledger_.text(2);
        const auto n = static_cast<uint64_t>(ledger_.integer(3));
        if (ledger_.text(0) == "stream") {
            auto& account = ledger.streams[std::string(name)];
            if (item == "received") account.received = n;
            for (size_t i = 0; i < model::kFates; i++)
                if (item == model::kFateNames[i]) account.fates[i] = n;
        } else if (const auto log = model::log_by_name(name)) {
            auto& account = ledger.logs[*log];
            if (item == "appended") account.appended = n;
            if (item == "delivered") account.delivered = n;
            if (item == "refused") account.refused = n;
            if (item == "thinned") account.thinned = n;
            if (item == "damaged") account.damaged = n;
        }
    }
    if (!ledger_.ok()) return failed();
    return ledger;
}

base::Result<std::map<std::string, std::string>> SqliteReader::meta() {
    std::map<std::string, std::string> meta;
    meta_.start();
    while (meta_.next()) meta.emplace(std::string(meta_.text(0)), std::string(meta_.text(1)));
    if (!meta_.ok()) return failed();
    return meta;
}

base::Result<std::optional<std::pair<uint64_t, std::string>>> SqliteReader::config_at(uint64_t seq) {
    using Found = std::optional<std::pair<uint64_t, std::string>>;
    const Ended ended{config_at_};
    if (!config_at_.first(std::min(seq, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())))) {
        if (!config_at_.ok()) return failed();
        return Found{};
    }
    const auto at = static_cast<uint64_t>(config_at_.integer(0));
    const auto body = config_at_.blob(2);
    std::string text;
    if (static_cast<int64_t>(text_crc(at, {}, body)) != config_at_.integer(1) || !packer_.unpack(body, text))
        return base::Error{kFormat,
                           base::format("the configuration recorded at intake {} in {} is damaged", at, path_)};
    return Found{std::pair{at, std::move(text)}};
}

base::Result<uint64_t> SqliteReader::next_seq(model::Log log) {
    const Ended ended{next_seq_};
    if (next_seq_.first(model::log_name(log))) return static_cast<uint64_t>(next_seq_.integer(0));
    if (!next_seq_.ok()) return failed();
    return uint64_t{1};
}

}  // namespace

base::Result<std::unique_ptr<Reader>> open_reader(const std::string& path,
                                                  std::shared_ptr<std::atomic<bool>> damage_seen) {
    auto reader = std::make_unique<SqliteReader>(std::move(damage_seen));
    if (auto started = reader->start(path); !started) return started.error();
    return std::unique_ptr<Reader>(std::move(reader));
}

base::Result<std::unique_ptr<Reader>> Reader::open(const std::string& path) { return open_reader(path, nullptr); }

}  // namespace tributary::store
