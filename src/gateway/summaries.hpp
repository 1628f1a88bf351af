// SPDX-License-Identifier: Apache-2.0
// Readings, or summaries of them, into summaries per series and window of event time. Counts, least, greatest, first
// and last come out the same in whatever parts they were put together. Bounded by what is put in; one thread. A boolean
// is the number 0 or 1; a text is counted only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "config/settings.hpp"
#include "gateway/ladder.hpp"
#include "model/output.hpp"

namespace tributary::gateway {

class Summaries {
  public:
    explicit Summaries(uint8_t grade) : grade_(grade) {}

    // In the order of the log. carries: it is its message's first reading, so the message's fate goes with it.
    void add(const config::StreamSettings& stream, std::string_view series, const model::Reading& reading,
             bool carries);
    void add(const model::Thinned& part);
    void add(const Summaries& finer);

    size_t size() const { return size_; }
    uint8_t grade() const { return grade_; }
    int64_t from_ns() const { return from_ns_; }  // of all windows
    int64_t to_ns() const { return to_ns_; }
    // By series, then time.
    template <class Each>
    void for_each(Each each) const;

  private:
    struct Part {
        uint64_t count = 0, numbers = 0, messages = 0;
        double sum = 0, min = 0, max = 0, mean = 0, squares = 0;  // squares: of the distances from the mean
        double first = 0, last = 0;
        int64_t first_ns = 0, last_ns = 0;
        model::TimeMark mark = model::TimeMark::device;

        void add(const Part& other);
    };
    using Parts = std::map<int64_t, Part>;  // by start
    using Key = std::tuple<std::string, std::string, std::string>;
    using KeyView = std::tuple<std::string_view, std::string_view, std::string_view>;  // series, stream, unit
    struct Less {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return KeyView(a) < KeyView(b);
        }
    };
    struct Series {
        model::Labels labels;
        Parts parts;
    };

    Part& part(const KeyView& key, const model::Labels& labels, int64_t time_ns);
    model::Thinned thinned(const Key& key, const Series& series, int64_t start_ns, const Part& part) const;

    const uint8_t grade_;
    size_t size_ = 0;
    int64_t from_ns_ = INT64_MAX, to_ns_ = INT64_MIN;
    std::map<Key, Series, Less> series_;
};

template <class Each>
void Summaries::for_each(Each each) const {
    for (const auto& [key, series] : series_)
        for (const auto& [start_ns, part] : series.parts) each(thinned(key, series, start_ns, part));
}

}  // namespace tributary::gateway
