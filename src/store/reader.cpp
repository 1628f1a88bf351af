// SPDX-License-Identifier: Apache-2.0
// The read side. Each call is a few short statements and no transaction stays open behind it: an open one would keep
// the writer's WAL from starting over.
#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "store/pack.hpp"
#include "store/schema.hpp"

namespace tributary::store {
namespace {

// With it every column that block() reads, in its order.
#define TRB_BLOCK_COLUMNS "SELECT log, seq, count, first_time, last_time, incarnation, class, crc, body FROM block "

class SqliteReader final : public Reader {
  public:
    base::Result<> start(const std::string& path);

    base::Result<std::optional<Block>> block_at(model::Log log, uint64_t seq) override;
    base::Result<uint64_t> seq_behind(model::Log log, uint64_t seq) override;
    base::Result<std::vector<Block>> newest(model::Log log, uint64_t records) override;
    base::Result<Cursors> cursors() override;
    base::Result<std::optional<Checkpoint>> checkpoint() override;
    base::Result<model::Ledger> ledger() override;
    base::Result<std::map<std::string, std::string>> meta() override;
    base::Result<std::optional<std::pair<uint64_t, std::string>>> config_at(uint64_t seq) override;
    base::Result<uint64_t> next_seq(model::Log log) override;

  private:
    base::Result<Block> block(Statement& row);
    base::Error bad_block(model::Log log, uint64_t seq, uint32_t count) const;

    std::string path_;
    Database database_;
    Packer packer_{1};
    Statement at_or_below_, at_or_above_, above_, backwards_;
    Statement cursors_, checkpoint_, ledger_, meta_, config_at_, next_seq_;
};

// Ends the statement's read transaction on every way out.
struct Ended {
    Statement& statement;
    ~Ended() { statement.reset(); }
};

base::Result<> SqliteReader::start(const std::string& path) {
    path_ = path;
    if (!database_.open(path, Database::Mode::read)) return database_.error("open");
    if (auto known = check_version(database_, path); !known) return known;
    const bool prepared =
        database_.exec("PRAGMA cache_size = -256; PRAGMA cell_size_check = ON") &&
        at_or_below_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? AND seq <= ? ORDER BY seq DESC LIMIT 1") &&
        at_or_above_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? AND seq >= ? ORDER BY seq LIMIT 1") &&
        above_.prepare(database_, "SELECT seq FROM block WHERE log = ? AND seq > ? ORDER BY seq LIMIT 1") &&
        backwards_.prepare(database_, TRB_BLOCK_COLUMNS "WHERE log = ? ORDER BY seq DESC") &&
        cursors_.prepare(database_, "SELECT name, n FROM state WHERE kind = 'cursor'") &&
        checkpoint_.prepare(database_, "SELECT seq, version, crc, body FROM checkpoint ORDER BY id DESC") &&
        ledger_.prepare(database_, "SELECT kind, name, item, n FROM state WHERE kind IN ('stream', 'log')") &&
        meta_.prepare(database_, "SELECT name, value FROM meta") &&
        config_at_.prepare(database_,
                           "SELECT seq, crc, body FROM config_history WHERE seq <= ? ORDER BY seq DESC LIMIT 1") &&
        next_seq_.prepare(database_, "SELECT n FROM state WHERE kind = 'next_seq' AND name = ?");
    if (!prepared) return database_.error("read");
    return {};
}

base::Error SqliteReader::bad_block(model::Log log, uint64_t seq, uint32_t count) const {
    return {kFormat, base::format("the store {} has a damaged block: {} {}..{} cannot be read", path_,
                                  model::log_name(log), seq, seq + std::max(count, 1U) - 1)};
}

base::Result<Block> SqliteReader::block(Statement& row) {
    BlockHead head;
    head.log = static_cast<uint8_t>(row.integer(0));
    head.seq = static_cast<uint64_t>(row.integer(1));
    head.count = static_cast<uint32_t>(row.integer(2));
    head.first_time_ns = row.integer(3);
    head.last_time_ns = row.integer(4);
    head.incarnation = row.text(5);
    head.priority = static_cast<uint8_t>(row.integer(6));
    const auto body = row.blob(8);
    const auto log = static_cast<model::Log>(head.log);
    Block block{log, head.seq, head.count, head.first_time_ns, head.last_time_ns, std::string(head.incarnation), {}};
    if (static_cast<int64_t>(block_crc(head, body)) != row.integer(7) || !packer_.unpack(body, block.body))
        return bad_block(log, head.seq, head.count);
    return block;
}

base::Result<std::optional<Block>> SqliteReader::block_at(model::Log log, uint64_t seq) {
    seq = std::min(seq, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    for (Statement* statement : {&at_or_below_, &at_or_above_}) {
        const Ended ended{*statement};
        if (!statement->first(static_cast<int>(log), seq)) {
            if (!statement->ok()) return database_.error("read");
            continue;
        }
        const auto end = static_cast<uint64_t>(statement->integer(1)) + static_cast<uint64_t>(statement->integer(2));
        if (end <= seq) continue;
        auto found = block(*statement);
        if (!found) return found.error();
        return std::optional<Block>(std::move(*found));
    }
    return std::optional<Block>{};
}

base::Result<uint64_t> SqliteReader::seq_behind(model::Log log, uint64_t seq) {
    // Not by its count: the row may be what is damaged.
    const Ended ended{above_};
    if (above_.first(static_cast<int>(log), seq)) return static_cast<uint64_t>(above_.integer(0));
    if (!above_.ok()) return database_.error("read");
    auto next = next_seq(log);
    if (!next) return next;
    return std::max(*next, seq);
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
    if (!backwards_.ok()) return database_.error("read");
    std::reverse(blocks.begin(), blocks.end());
    return blocks;
}

base::Result<Cursors> SqliteReader::cursors() {
    Cursors cursors;
    cursors_.start();
    while (cursors_.next()) cursors.emplace(std::string(cursors_.text(0)), static_cast<uint64_t>(cursors_.integer(1)));
    if (!cursors_.ok()) return database_.error("read");
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
    if (!checkpoint_.ok()) return database_.error("read");
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
        }
    }
    if (!ledger_.ok()) return database_.error("read");
    return ledger;
}

base::Result<std::map<std::string, std::string>> SqliteReader::meta() {
    std::map<std::string, std::string> meta;
    meta_.start();
    while (meta_.next()) meta.emplace(std::string(meta_.text(0)), std::string(meta_.text(1)));
    if (!meta_.ok()) return database_.error("read");
    return meta;
}

base::Result<std::optional<std::pair<uint64_t, std::string>>> SqliteReader::config_at(uint64_t seq) {
    using Found = std::optional<std::pair<uint64_t, std::string>>;
    const Ended ended{config_at_};
    if (!config_at_.first(std::min(seq, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())))) {
        if (!config_at_.ok()) return database_.error("read");
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
    if (!next_seq_.ok()) return database_.error("read");
    return uint64_t{1};
}

}  // namespace

base::Result<std::unique_ptr<Reader>> Reader::open(const std::string& path) {
    auto reader = std::make_unique<SqliteReader>();
    if (auto started = reader->start(path); !started) return started.error();
    return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace tributary::store
