// SPDX-License-Identifier: Apache-2.0
#include "model/intake.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace tributary::model {
namespace {

constexpr uint8_t kFormat = 1, kFormatWithHoles = 2;
enum Kind : uint8_t { kMessage = 1, kSession = 2, kClock = 3, kConfig = 4, kMute = 5, kSkip = 6, kTick = 7, kHole = 8 };

}  // namespace

void IntakeBlockWriter::clear() {
    bytes_.clear();
    bytes_.push_back(static_cast<char>(kFormat));
    // The map keeps its nodes from block to block (no allocation for a known topic); a stale entry is told by its
    // generation. Topics that come once only must not grow it without bound.
    if (topics_.size() > 20'000) topics_.clear();
    generation_++;
    count_ = record_count_ = topic_count_ = 0;
    first_time_ns_ = last_time_ns_ = previous_us_ = 0;
    previous_id_ = 0;
}

std::string IntakeBlockWriter::take() {
    std::string out = std::move(bytes_);
    bytes_ = std::string();
    bytes_.reserve(out.size());
    clear();
    return out;
}

void IntakeBlockWriter::begin(int64_t arrival_ns, uint8_t kind) {
    const int64_t us =
        arrival_ns >= 0 ? arrival_ns / base::kNsPerUs : -((-arrival_ns + base::kNsPerUs - 1) / base::kNsPerUs);
    if (record_count_++ == 0) first_time_ns_ = last_time_ns_ = us * base::kNsPerUs;
    first_time_ns_ = std::min(first_time_ns_, us * base::kNsPerUs);
    last_time_ns_ = std::max(last_time_ns_, us * base::kNsPerUs);
    record_.clear();
    record_.push_back(static_cast<char>(kind));
    base::put_signed(record_, us - previous_us_);
    previous_us_ = us;
    count_++;
}

void IntakeBlockWriter::end() { base::put_text(bytes_, record_); }

void IntakeBlockWriter::add(int64_t arrival_ns, const Message& message) {
    begin(arrival_ns, kMessage);
    record_.push_back(static_cast<char>(message.qos | (message.retain ? 4 : 0) | (message.dup ? 8 : 0)));
    // Brokers count ids up, so the difference is nearly always the same byte: it compresses away.
    base::put_signed(record_, static_cast<int16_t>(message.message_id - previous_id_));
    previous_id_ = message.message_id;
    base::put_varint(record_, message.session);
    const auto found = topics_.find(message.topic);
    if (found != topics_.end() && found->second.generation == generation_) {
        base::put_varint(record_, found->second.index);
    } else {
        base::put_varint(record_, 0);
        base::put_text(record_, message.topic);
        const Entry entry{generation_, ++topic_count_};
        if (found != topics_.end())
            found->second = entry;
        else
            topics_.emplace(message.topic, entry);
    }
    record_.append(message.payload);
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const SessionRecord& record) {
    begin(arrival_ns, kSession);
    base::put_varint(record_, record.session);
    record_.push_back(static_cast<char>((record.connected ? 1 : 0) | (record.session_present ? 2 : 0)));
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const ClockRecord& record) {
    begin(arrival_ns, kClock);
    record_.push_back(static_cast<char>(record.state));
    base::put_signed(record_, record.anchor_ns);
    base::put_varint(record_, record.epoch);
    base::put_varint(record_, record.boot);
    base::put_signed(record_, record.wall_ns);
    base::put_signed(record_, record.hold_until_ns);
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const ConfigRecord& record) {
    begin(arrival_ns, kConfig);
    base::put_text(record_, record.version);
    base::put_text(record_, record.text);
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const MuteRecord& record) {
    begin(arrival_ns, kMute);
    base::put_text(record_, record.series);
    base::put_signed(record_, record.until_ns);
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const SkipRecord& record) {
    begin(arrival_ns, kSkip);
    base::put_varint(record_, record.seq);
    end();
}

void IntakeBlockWriter::add(int64_t arrival_ns, const TickRecord&) {
    begin(arrival_ns, kTick);
    end();
}

void IntakeBlockWriter::hole(uint32_t records) {
    if (records == 0) return;
    bytes_[0] = static_cast<char>(kFormatWithHoles);
    record_.clear();
    record_.push_back(kHole);
    base::put_signed(record_, 0);
    base::put_varint(record_, records);
    count_ += records;
    end();
}

IntakeBlockReader::IntakeBlockReader(std::string_view block, uint64_t first_seq)
    : reader_(block), next_seq_(first_seq) {
    const uint8_t format = reader_.byte();
    ok_ = (format == kFormat || format == kFormatWithHoles) && reader_.ok();
}

bool IntakeBlockReader::next(IntakeRecord& record) {
    while (ok_ && !reader_.at_end()) {
        const auto bytes = reader_.text();
        if (reader_.ok() && !bytes.empty() && bytes.front() == kHole) {
            ok_ = pass_hole(bytes);
            continue;
        }
        ok_ = reader_.ok() && parse(bytes, record);
        return ok_;
    }
    return false;
}

bool IntakeBlockReader::pass_hole(std::string_view bytes) {
    base::ByteReader in(bytes);
    in.byte();
    previous_us_ += in.signed_varint();
    next_seq_ += in.varint();
    return in.ok();
}

bool IntakeBlockReader::parse(std::string_view bytes, IntakeRecord& record) {
    base::ByteReader in(bytes);
    const uint8_t kind = in.byte();
    previous_us_ += in.signed_varint();
    record.seq = next_seq_++;
    record.arrival_ns = previous_us_ * base::kNsPerUs;
    switch (kind) {
        case kMessage: {
            Message message;
            const uint8_t flags = in.byte();
            message.qos = flags & 3;
            message.retain = (flags & 4) != 0;
            message.dup = (flags & 8) != 0;
            previous_id_ = static_cast<uint16_t>(previous_id_ + static_cast<uint16_t>(in.signed_varint()));
            message.message_id = previous_id_;
            message.session = static_cast<uint32_t>(in.varint());
            const uint64_t index = in.varint();
            if (index == 0) {
                message.topic = in.text();
                topics_.push_back(message.topic);
                topic_index_ = static_cast<uint32_t>(topics_.size() - 1);
            } else {
                if (index > topics_.size()) return false;
                topic_index_ = static_cast<uint32_t>(index - 1);
                message.topic = topics_[topic_index_];
            }
            message.payload = in.rest();
            record.body = message;
            break;
        }
        case kSession: {
            SessionRecord session;
            session.session = static_cast<uint32_t>(in.varint());
            const uint8_t flags = in.byte();
            session.connected = (flags & 1) != 0;
            session.session_present = (flags & 2) != 0;
            record.body = session;
            break;
        }
        case kClock: {
            ClockRecord clock;
            const uint8_t state = in.byte();
            if (state > static_cast<uint8_t>(ClockState::unsynced)) return false;
            clock.state = static_cast<ClockState>(state);
            clock.anchor_ns = in.signed_varint();
            clock.epoch = static_cast<uint32_t>(in.varint());
            if (!in.at_end()) {  // not in the first records of this format
                clock.boot = in.varint();
                clock.wall_ns = in.signed_varint();
                clock.hold_until_ns = in.signed_varint();
            }
            record.body = clock;
            break;
        }
        case kConfig: {
            ConfigRecord config;
            config.version = in.text();
            config.text = in.text();
            record.body = config;
            break;
        }
        case kMute: {
            MuteRecord mute;
            mute.series = in.text();
            mute.until_ns = in.signed_varint();
            record.body = mute;
            break;
        }
        case kSkip:
            record.body = SkipRecord{in.varint()};
            break;
        case kTick:
            record.body = TickRecord{};
            break;
        default:
            return false;
    }
    return in.ok();
}

}  // namespace tributary::model
