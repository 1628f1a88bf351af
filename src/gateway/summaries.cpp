// SPDX-License-Identifier: Apache-2.0
#include "gateway/summaries.hpp"

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"

namespace tributary::gateway {

// Means and squares of two groups: Chan, Golub, LeVeque 1979.
void Summaries::Part::add(const Part& other) {
    count += other.count;
    messages += other.messages;
    mark = std::max(mark, other.mark);
    if (other.numbers == 0) return;
    if (numbers == 0) {
        const auto [n, m, c, k] = std::tuple(count, messages, other.numbers, mark);
        *this = other;
        count = n, messages = m, numbers = c, mark = k;
        return;
    }
    const auto n = static_cast<double>(numbers), m = static_cast<double>(other.numbers);
    const double delta = other.mean - mean;
    squares += other.squares + delta * delta * (n * m / (n + m));
    sum += other.sum;
    numbers += other.numbers;
    mean = sum / static_cast<double>(numbers);
    min = std::min(min, other.min), max = std::max(max, other.max);
    if (other.first_ns < first_ns) first = other.first, first_ns = other.first_ns;
    if (other.last_ns >= last_ns) last = other.last, last_ns = other.last_ns;
}

Summaries::Part& Summaries::part(const KeyView& key, const model::Labels& labels, int64_t time_ns) {
    auto found = series_.find(key);
    if (found == series_.end()) found = series_.emplace(Key(key), Series()).first;
    found->second.labels = labels;
    const int64_t size_ns = bucket_ns(grade_), start_ns = base::floor_to(time_ns, size_ns);
    from_ns_ = std::min(from_ns_, start_ns), to_ns_ = std::max(to_ns_, start_ns + size_ns);
    const auto [at, fresh] = found->second.parts.try_emplace(start_ns);
    if (fresh) size_++;
    return at->second;
}

void Summaries::add(const config::StreamSettings& stream, std::string_view series, const model::Reading& reading,
                    bool carries) {
    Part one;
    one.count = 1, one.messages = carries ? 1 : 0, one.mark = reading.mark;
    if (reading.value.kind != model::ValueKind::text) {
        one.numbers = 1;
        one.sum = one.min = one.max = one.mean = one.first = one.last = reading.value.number;
        one.first_ns = one.last_ns = reading.event_ns;
    }
    part({series, stream.name, stream.unit}, stream.labels, reading.event_ns).add(one);
}

void Summaries::add(const model::Thinned& thinned) {
    const auto& w = thinned.window;
    Part one{w.count, w.numbers, thinned.messages, w.sum,
             w.min,   w.max,     w.mean,           w.stddev * w.stddev * static_cast<double>(w.numbers),
             w.first, w.last,    thinned.first_ns, thinned.last_ns,
             w.mark};
    part({w.origin.series, w.origin.stream, w.origin.unit}, w.origin.labels, w.start_ns).add(one);
}

void Summaries::add(const Summaries& finer) {
    for (const auto& [key, series] : finer.series_)
        for (const auto& [start_ns, one] : series.parts) part(KeyView(key), series.labels, start_ns).add(one);
}

model::Thinned Summaries::thinned(const Key& key, const Series& series, int64_t start_ns, const Part& part) const {
    model::Thinned out;
    auto& w = out.window;
    w.origin = {std::get<0>(key), std::get<1>(key), std::get<2>(key), series.labels};
    w.window = bucket_name(grade_);
    w.start_ns = start_ns, w.end_ns = start_ns + bucket_ns(grade_);
    w.count = part.count, w.numbers = part.numbers, w.mark = part.mark;
    w.sum = part.sum, w.min = part.min, w.max = part.max, w.mean = part.mean;
    w.stddev = part.numbers > 1 ? std::sqrt(part.squares / static_cast<double>(part.numbers)) : 0;
    w.first = part.first, w.last = part.last;
    out.first_ns = part.first_ns, out.last_ns = part.last_ns, out.messages = part.messages;
    return out;
}

}  // namespace tributary::gateway
