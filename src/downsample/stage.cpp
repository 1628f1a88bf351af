// SPDX-License-Identifier: Apache-2.0
#include "downsample/stage.hpp"

#include <algorithm>
#include <cstring>

#include "base/log.hpp"
#include "downsample/types.hpp"

namespace tributary::downsample {

Stage::Stage(const config::DownsampleSettings& settings)
    : common_(read_common(settings.options)), max_ms_(common_.max_time_ns / base::kNsPerMs) {
    const DownsamplerType* type = find_type(settings.type);
    TRB_ASSERT(type != nullptr);  // check() refused it
    method_ = type->make(settings.options, common_);
    stride_ = (method_->state_bytes() + 7) / 8 * 8;
}

void Stage::grow(model::SeriesId series) {
    if (series < slots_.size()) return;
    slots_.resize(series + 1);
    bytes_.resize(slots_.size() * stride_);
    if (method_->window_points() > 0) windows_.resize(slots_.size());
}

Series Stage::work_of(model::SeriesId series) {
    return {bytes_.data() + series * stride_, windows_.empty() ? nullptr : &windows_[series], &cut_};
}

bool Stage::same_run(const Slot& slot, const model::Reading& reading) const {
    return slot.seen && slot.kind == reading.value.kind && slot.quality == reading.quality && slot.mark == reading.mark;
}

bool Stage::add(model::SeriesId series, const model::Reading& reading, int64_t now_ns, std::vector<Reduced>& kept) {
    grow(series);
    Slot& slot = slots_[series];
    const int64_t time_ms = base::ns_to_ms(reading.event_ns);
    if (time_ms < slot.newest_ms) return false;
    slot.newest_ms = time_ms;
    const bool anew = !same_run(slot, reading);
    if (anew) {
        if (slot.seen) {
            flush(series, kept);
            method_->begin_anew(work_of(series));
        }
        slot.seen = true;
        slot.kind = reading.value.kind;
        slot.quality = reading.quality;
        slot.mark = reading.mark;
    }
    if (reading.value.kind != model::ValueKind::number) {
        if (!changed(series, reading.value) && !anew && time_ms - slot.kept_ms < max_ms_) return true;
        slot.kept_ms = time_ms;
        kept.push_back({time_ms * base::kNsPerMs, reading.value, slot.quality, slot.mark, -1});
        return true;
    }
    const bool waits = method_->add(work_of(series), {time_ms, reading.value.number}, kept_);
    if (!waits)
        slot.deadline_ns = base::kNever;
    else if (!kept_.empty() || slot.deadline_ns == base::kNever)
        slot.deadline_ns = now_ns + common_.max_time_ns;
    if (!kept_.empty()) put_out(slot, kept);
    if (waits) heap_.queue(series, slot.deadline_ns, slot.queued_ns);
    return true;
}

// Remembers the value.
bool Stage::changed(model::SeriesId series, const model::Value& value) {
    if (texts_.size() <= series) texts_.resize(slots_.size());
    const std::string_view text = value.kind == model::ValueKind::text ? value.text
                                  : value.number != 0                  ? std::string_view("true")
                                                                       : std::string_view("false");
    if (texts_[series] == text) return false;
    texts_[series].assign(text);
    return true;
}

void Stage::put_out(const Slot& slot, std::vector<Reduced>& kept) {
    for (const Kept& one : kept_)
        kept.push_back({one.point.time_ms * base::kNsPerMs,
                        {model::ValueKind::number, one.point.value, {}},
                        slot.quality,
                        slot.mark,
                        one.deviation});
    kept_.clear();
}

void Stage::flush(model::SeriesId series, std::vector<Reduced>& kept) {
    if (series >= slots_.size()) return;
    Slot& slot = slots_[series];
    slot.deadline_ns = base::kNever;
    if (!slot.seen || slot.kind != model::ValueKind::number) return;
    method_->flush(work_of(series), kept_);
    put_out(slot, kept);
}

void Stage::wait(model::SeriesId series, int64_t now_ns) {
    grow(series);
    Slot& slot = slots_[series];
    if (slot.deadline_ns == base::kNever) slot.deadline_ns = now_ns + common_.max_time_ns;
    heap_.queue(series, slot.deadline_ns, slot.queued_ns);
}

int64_t Stage::next_deadline_ns() const {
    return heap_.next_ns([this](size_t series) { return slots_[series].deadline_ns; },
                         [this](size_t series) -> int64_t& { return queued_of(series); });
}

std::optional<model::SeriesId> Stage::next_due(int64_t now_ns) {
    if (bound_ns() > now_ns || next_deadline_ns() > now_ns) return std::nullopt;
    const size_t series = heap_.take([this](size_t one) -> int64_t& { return queued_of(one); });
    slots_[series].deadline_ns = base::kNever;
    return static_cast<model::SeriesId>(series);
}

int64_t Stage::newest_ns(model::SeriesId series) const {
    return series < slots_.size() && slots_[series].seen ? slots_[series].newest_ms * base::kNsPerMs : INT64_MIN;
}

void Stage::forget(model::SeriesId series) {
    if (series >= slots_.size()) return;
    const int64_t queued_ns = slots_[series].queued_ns;
    slots_[series] = {};
    slots_[series].queued_ns = queued_ns;
    std::fill_n(bytes_.begin() + static_cast<ptrdiff_t>(series * stride_), stride_, std::byte{0});
    if (series < windows_.size()) windows_[series].clear();
    if (series < texts_.size()) texts_[series].clear();
}

void Stage::arrival_back(int64_t by_ns) {
    for (Slot& slot : slots_)
        for (int64_t* ns : {&slot.deadline_ns, &slot.queued_ns}) *ns = base::DeadlineHeap::moved_back(*ns, by_ns);
    heap_.move_back(by_ns);
}

void Stage::restart() {
    slots_.clear();
    heap_.clear();
    bytes_.clear();
    windows_.clear();
    texts_.clear();
}

void Stage::save(std::string& out) const {
    base::put_varint(out, slots_.size());
    for (size_t i = 0; i < slots_.size(); i++) {
        const Slot& slot = slots_[i];
        base::put_signed(out, slot.newest_ms);
        base::put_signed(out, slot.deadline_ns);
        base::put_signed(out, slot.kept_ms);
        for (const auto byte : {slot.seen ? uint8_t{1} : uint8_t{0}, static_cast<uint8_t>(slot.kind),
                                static_cast<uint8_t>(slot.quality), static_cast<uint8_t>(slot.mark)})
            out.push_back(static_cast<char>(byte));
        base::put_text(out, i < texts_.size() ? std::string_view(texts_[i]) : std::string_view());
        out.append(reinterpret_cast<const char*>(bytes_.data() + i * stride_), stride_);
        if (windows_.empty()) continue;
        base::put_varint(out, windows_[i].size());
        for (const Point& point : windows_[i]) {
            base::put_signed(out, point.time_ms);
            base::put_double(out, point.value);
        }
    }
}

bool Stage::load(base::ByteReader& in) {
    restart();
    const uint64_t count = in.varint();
    if (!in.ok() || count > in.left() || count > UINT32_MAX || (stride_ > 0 && count > in.left() / stride_))
        return false;
    if (count > 0) grow(static_cast<model::SeriesId>(count - 1));
    for (size_t i = 0; i < count; i++) {
        Slot& slot = slots_[i];
        slot.newest_ms = in.signed_varint();
        slot.deadline_ns = in.signed_varint();
        slot.kept_ms = in.signed_varint();
        const uint8_t seen = in.byte(), kind = in.byte(), quality = in.byte(), mark = in.byte();
        if (!in.ok() || seen > 1 || kind > 2 || quality > 2 || mark > 3) return false;
        slot.seen = seen != 0;
        slot.kind = static_cast<model::ValueKind>(kind);
        slot.quality = static_cast<model::Quality>(quality);
        slot.mark = static_cast<model::TimeMark>(mark);
        if (const auto text = in.text(); !text.empty()) {
            if (texts_.empty()) texts_.resize(count);
            texts_[i] = text;
        }
        const auto state = in.take(stride_);
        if (!in.ok()) return false;
        if (stride_ > 0) std::memcpy(bytes_.data() + i * stride_, state.data(), stride_);
        if (!windows_.empty()) {
            const uint64_t points = in.varint();
            if (points > method_->window_points() || points > in.left()) return false;
            for (uint64_t p = 0; p < points; p++) {
                const int64_t time_ms = in.signed_varint();
                windows_[i].push_back({time_ms, in.number()});
            }
        }
        heap_.queue(i, slot.deadline_ns, slot.queued_ns);
    }
    return in.ok();
}

}  // namespace tributary::downsample
