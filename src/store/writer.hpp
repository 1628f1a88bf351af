// SPDX-License-Identifier: Apache-2.0
// The write side: one connection with its statements (Connection), and the Store around it that gives out sequence
// numbers, keeps the cap and knows whether the connection can still be trusted. Writer thread only.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "store/database.hpp"
#include "store/pack.hpp"
#include "store/schema.hpp"
#include "store/state.hpp"
#include "store/store.hpp"

namespace tributary::store {

constexpr size_t kLogSlots = model::kLogNumbers;
using Seqs = std::array<uint64_t, kLogSlots>;  // by the log's number; slot 0 is not used

// Everything that dies with the connection.
struct Connection {
    Database database;
    Statement begin, commit, rollback;
    Statement insert_block, oldest, trim, cut;
    StateTable state;
    Statement set_config, forget_config, trim_configs;
    Statement insert_checkpoint, trim_checkpoints;
    Statement page_count, freelist_count;

    bool prepare();
};

// damage_seen: set by the reader when what it reads cannot be what was written.
base::Result<std::unique_ptr<Reader>> open_reader(const std::string& path,
                                                  std::shared_ptr<std::atomic<bool>> damage_seen);

class Writer final : public Store {
  public:
    explicit Writer(const Options& options);
    ~Writer() override;
    base::Result<> start();

    base::Result<std::vector<Appended>> commit(const Batch& batch) override;
    base::Result<> reopen() override;
    base::Result<> save_checkpoint(const Checkpoint& checkpoint) override;
    uint64_t next_seq(model::Log log) const override { return next_[static_cast<size_t>(log)]; }
    uint64_t first_seq(model::Log log) const override { return first_[static_cast<size_t>(log)]; }
    const std::string& incarnation() const override { return incarnation_; }
    std::string report() const override { return report_; }
    Usage usage() const override;
    base::Result<std::unique_ptr<Reader>> reader() const override { return open_reader(options_.path, damage_seen_); }

  private:
    base::Result<> connect();
    base::Result<> connect_or_salvage();
    base::Result<> salvage_file(const std::string& why);
    bool load_seqs();
    bool mend();
    bool damaged_configs(std::vector<uint64_t>& seqs);
    base::Result<> usable();
    base::Error broken(std::string_view doing);
    base::Result<> fits(std::string_view what, size_t bytes);
    base::Result<> room_for(int64_t bytes, int64_t reserve);
    int64_t page_bytes(bool with_free) const;
    int64_t cap_bytes() const;
    bool insert(const BlockHead& head, std::string_view packed);
    bool write_cut(const Batch& batch);
    bool write(const Batch& batch, std::vector<Appended>& appended);
    bool write_blocks(const Batch& batch, std::vector<Appended>& appended);
    bool write_state(const Batch& batch);
    bool write_ledger(const model::Ledger& delta);
    bool write_trims(const Batch& batch);
    bool load_first(model::Log log);

    const Options options_;
    const std::string incarnation_;
    WriterLock lock_;
    Packer packer_;
    std::unique_ptr<Connection> connection_;
    Seqs next_{}, first_{};
    // What a failed commit may have used: a fresh file must not give the same ids out again.
    Seqs tentative_{};
    std::vector<std::string> packed_;
    std::vector<std::string> packed_kept_;  // of the batch's cut
    bool no_space_ = false;                 // the file system had too little left for an append
    std::string report_;
    std::string broken_;  // why nothing is accepted before reopen(); empty = all is well
    bool damaged_ = false;
    std::shared_ptr<std::atomic<bool>> damage_seen_ = std::make_shared<std::atomic<bool>>(false);
    int skipped_trims_ = 0;
    Usage usage_;
};

}  // namespace tributary::store
