// SPDX-License-Identifier: Apache-2.0
#include "gateway/letter_text.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "gateway/store_commands.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {
namespace {

struct Known {
    std::string_view word, text;
};

constexpr std::string_view kRetry = "then: tributary dead retry";

constexpr std::array kReasons{
    Known{"no-stream", "add a stream whose topics take this one, or no longer subscribe to it"},
    Known{"missing-field", "mend `value` (or `time`) of the stream: nothing stands at that JSON pointer"},
    Known{"wrong-type", "mend `value` of the stream, it points at something that is no value; or mend the sensor"},
    Known{"bad-time", "mend `time` of the stream, or take it out: then arrival counts"},
    Known{"json", "mend `format` of the stream, or the sensor: this is no JSON"},
    Known{"not-a-value", "mend `format` of the stream, or the sensor: this is no single value"},
    Known{"utf8", "mend the sensor; with forward = \"raw\" Kafka gets any bytes"},
    Known{"empty", "mend the sensor; an empty message also deletes a retained one"},
    Known{"too-large", "mend the sensor; with forward = \"raw\" Kafka gets it as far as the broker allows"},
    Known{"not-finite", "mend `scale` and `offset`, or the sensor"},
    Known{"series-limit", "raise max_series of the stream, or find what makes so many topics"},
    Known{"command", "docs/events.md shows the commands there are; taken in again it is obeyed now"},
    Known{"poison", "two runs ended at this message: report it, and retry it with a version that mends it"},
};

constexpr std::array kErrors{
    Known{kNoLetter, "there is no such letter (any more): tributary dead ls"},
    Known{kNeedsRun, "only the running gateway takes messages in: start it, then try again"},
    Known{kNotWhole, "it is longer than the 64 KiB that are kept, and the message is not in the store any more"},
    Known{kStillDead,
          "the present configuration cannot decode it either: mend the stream, tributary dead show says how"},
    Known{kSourceGone, "what was refused is not in the store any more"},
    Known{kNotStored, "the gateway could not write it down now: tributary status says why"},
    Known{kOtherStore, "the gateway that answers has another store: name the right one's socket (--socket FILE)"},
    Known{kRefusedAgain, "Kafka refused it again: tributary dead show says what to do"},
    Known{kNameIt, "poison and commands are not taken in with all the others: name it if it is meant"},
};

template <size_t N>
std::string_view text_of_word(const std::array<Known, N>& known, std::string_view word) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.word == word; });
    return found == known.end() ? std::string_view() : found->text;
}

std::string hex_dump(std::string_view bytes) {
    std::string out;
    for (size_t at = 0; at < bytes.size(); at += 16) {
        out += base::format("  {:06x} ", at);
        const auto row = bytes.substr(at, 16);
        for (const char c : row) out += base::format(" {:02x}", static_cast<unsigned char>(c));
        out += std::string(3 * (16 - row.size()) + 2, ' ');
        for (const char c : row) out += c >= 0x20 && c < 0x7f ? c : '.';
        out += '\n';
    }
    return out;
}

// As text where it is one, so that it can be read; else, or when asked for, every byte.
std::string shown(std::string_view bytes, bool hex) {
    bool text = base::valid_utf8(bytes);
    for (size_t i = 0; i < bytes.size() && text; i++) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        const bool c1 = c == 0xc2 && static_cast<unsigned char>(bytes[i + 1]) < 0xa0;  // drives terminals, too
        text = (c >= 0x20 || c == '\n' || c == '\t' || c == '\r') && c != 0x7f && !c1;
    }
    if (hex || !text) return hex_dump(bytes);
    std::string out(bytes);
    std::replace(out.begin(), out.end(), '\r', ' ');
    return out + (out.ends_with('\n') ? "" : "\n");
}

std::string when(const Letter& letter) { return base::format_time_ms(base::ns_to_ms(letter.time_ns())); }

std::string source_of(const model::RefusedRecord& refused) {
    return base::format("{}/{}", model::log_name(refused.source), refused.seq) +
           (refused.n > 0 ? base::format(".{}", refused.n) : "");
}

}  // namespace

std::string letter_advice(const Letter& letter) {
    if (const auto* dead = letter.dead()) {
        const auto text = text_of_word(kReasons, dead->reason);
        return text.empty() ? "docs/replay.md explains the reason" : std::string(text) + "; " + std::string(kRetry);
    }
    const auto text = kafka::advice(letter.refused()->code, letter.refused()->topic);
    return (text.empty() ? "librdkafka's documentation explains the code" : text) + "; " + std::string(kRetry);
}

std::string letter_error(std::string_view code) { return std::string(text_of_word(kErrors, code)); }

std::string letter_header() {
    return base::format("{:<13} {:<24}  {:<40}  {:>9}  {}\n", "letter", "when", "from", "size", "why");
}

std::string letter_line(const Letter& letter) {
    std::string from, why;
    uint64_t size = 0;
    if (const auto* dead = letter.dead()) {
        from = dead->topic, size = dead->size;
        why = dead->reason + (dead->stream.empty() ? "" : " in " + dead->stream) + ": " + dead->detail;
    } else {
        const auto& refused = *letter.refused();
        from = source_of(refused) + " " + refused.key, size = refused.size;
        why = refused.code + " by " + refused.topic;
    }
    return base::format("{:<13} {:<24}  {:<40}  {:>9}  {}\n", letter.name(), when(letter), plain(from),
                        base::format_size(static_cast<int64_t>(size)), plain(why));
}

std::string letter_page(const Letter& letter, const LetterDetails& details, bool hex) {
    std::string out = base::format("{}  {}\n", letter.name(), when(letter));
    const auto line = [&](std::string_view name, const std::string& text) {
        if (!text.empty()) out += base::format("{:<8} {}\n", name, plain(text));
    };
    if (const auto* dead = letter.dead()) {
        line("topic", dead->topic);
        line("stream", dead->stream.empty() ? "(none takes this topic)" : dead->stream);
        line("reason", dead->reason + ": " + dead->detail);
        line("to do", letter_advice(letter));
        line("message", base::format("intake/{}", dead->seq));
        line("size", base::format("{} bytes, sha256 {}", dead->size, dead->sha256));
        const bool whole = details.payload.has_value();
        if (!whole)
            line("payload", base::format("the first {} bytes; the message itself is not in the store any more",
                                         dead->payload.size()));
        return out + "\n" + shown(whole ? std::string_view(*details.payload) : std::string_view(dead->payload), hex);
    }
    const auto& refused = *letter.refused();
    line("record", source_of(refused));
    line("topic", refused.topic);
    line("key", refused.key);
    line("reason", refused.code + ": " + refused.detail);
    line("to do", letter_advice(letter));
    line("size", base::format("{} bytes", refused.size));
    if (!details.record) {
        line("value", "not in the store any more: it cannot be sent again");
        return out;
    }
    line("tb-id", details.record->id);
    return out + "\n" + shown(details.record->value, hex);
}

void letter_json(std::string& out, const Letter& letter, const LetterDetails* details) {
    record::JsonObject object(out);
    object.text("letter", letter.name()).text("log", model::log_name(letter.log)).integer("seq", letter.seq);
    object.integer("time", base::ns_to_ms(letter.time_ns()));
    if (const auto* dead = letter.dead()) {
        object.text("topic", dead->topic).text("stream", dead->stream).text("reason", dead->reason);
        object.text("detail", dead->detail).integer("intake", dead->seq).integer("size", dead->size);
        object.text("sha256", dead->sha256);
        if (details != nullptr) {
            object.boolean("whole", details->payload.has_value());
            record::append_json_bytes(object.key("payload"), details->payload ? *details->payload : dead->payload);
        }
    } else {
        const auto& refused = *letter.refused();
        object.text("source", model::log_name(refused.source)).integer("source_seq", refused.seq);
        object.integer("n", uint64_t{refused.n}).text("topic", refused.topic).text("key", refused.key);
        object.text("code", refused.code).text("detail", refused.detail).integer("size", refused.size);
        if (details != nullptr) {
            object.boolean("whole", details->record.has_value());
            if (details->record) {
                object.text("id", details->record->id);
                record::append_json_bytes(object.key("value"), details->record->value);
            }
        }
    }
    if (details != nullptr) object.text("advice", letter_advice(letter));
    object.end();
}

}  // namespace tributary::gateway
