// SPDX-License-Identifier: Apache-2.0
// The figures of a window that have to be asked for (`aggregates`): time-weighted mean, increase and rate of counters,
// time in each state, mode, quantiles. A Figures says what they are for one window setting and is immutable; their
// state lives in bytes the window stage owns (trivially copyable, all zero = fresh), merged when windows merge. What it
// does not do: the figures every window has (Aggregate), order (ReorderBuffer).
//
// A value holds until the next one of its series (step, as OPC UA's TimeAverage2): windows of a fixed length take over
// the value from before their start and hold the last one to their end; sessions and counts span first to last.
// A counter's increase belongs to the window of the later reading, so parts add up to the whole; a value below the one
// before it is a reset, and counts from 0.
// Source of the mode: A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of frequent and top-k elements"
// (2005): exact up to 16 different values, beyond that with the error it states.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"
#include "model/series_table.hpp"
#include "stream/reorder.hpp"
#include "stream/sketch.hpp"

namespace tributary::stream {

// The newest reading of a series that went through fold(), whatever window it was in.
struct Before {
    int64_t event_ns = 0;
    double value = 0;
    model::ValueKind kind = model::ValueKind::number;
    bool known = false;
};

class Figures {
  public:
    // Error TRB-STREAM-001: a word that is none of the known ones; the message names them.
    static base::Result<Figures> make(const config::WindowSettings& settings);

    size_t bytes() const { return bytes_; }  // 0: nothing was asked for
    bool ordered() const { return ordered_; }
    bool takes_texts() const { return states_ || mode_; }

    void add(std::byte* at, const Held& reading) const;  // every reading, in any order
    // Every reading in order of event time; `before` of the same series.
    void fold(std::byte* at, const Held& reading, const Before& before) const;
    void merge(std::byte* into, const std::byte* later) const;  // of the time right behind
    // texts: names of text values. from..until is the time the window answers for.
    void finish(const std::byte* at, int64_t from_ns, int64_t until_ns, const model::SeriesTable& texts,
                model::Window& window) const;
    bool coarse(const std::byte* at) const;  // a sketch ran out of bins

    void save(const std::byte* at, std::string& out) const;
    bool load(std::byte* at, base::ByteReader& in) const;

  private:
    Figures() : sketch_(Sketch::kFewestBins) {}

    struct Quantile {
        std::string name;
        double q;
    };
    std::vector<std::string> words_;
    std::vector<Quantile> quantiles_;
    Sketch sketch_;
    bool grid_ = true;  // a fixed length: takes values over at both ends
    bool ordered_ = false, states_ = false, mode_ = false;
    size_t states_at_ = 0, mode_at_ = 0, sketch_at_ = 0, bytes_ = 0;
};

}  // namespace tributary::stream
