// SPDX-License-Identifier: Apache-2.0
// How fast the backlog goes beside live data (backfill_share): a batch, then a pause in proportion to the time the
// batch took. A link that is slow or a broker that throttles makes the batches take longer and so the pauses, too.
// Owned by the replicator's thread; boot time. It knows nothing of Kafka.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tributary::kafka {

class Pace {
  public:
    static constexpr size_t kBatch = 4'000;  // records

    explicit Pace(int share_percent) : share_(share_percent) {}

    // How many may be sent now.
    size_t room(int64_t now_ns) const { return now_ns < resume_ns_ ? 0 : kBatch - batch_; }
    void sent(size_t records, int64_t now_ns) {
        if (batch_ == 0 && records > 0) begun_ns_ = now_ns;
        batch_ += records;
    }
    // Nothing of the batch is on its way any more, or nothing was sent.
    void landed(int64_t now_ns) {
        if (batch_ == 0) return;
        resume_ns_ = now_ns + (now_ns - begun_ns_) * (100 - share_) / share_;
        batch_ = 0;
    }
    int64_t resume_ns() const { return resume_ns_; }

  private:
    const int64_t share_;
    size_t batch_ = 0;
    int64_t begun_ns_ = 0, resume_ns_ = 0;
};

}  // namespace tributary::kafka
