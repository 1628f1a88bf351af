// SPDX-License-Identifier: Apache-2.0
// JSON by SAX events: no document is built. The pointers of a stream are compiled into a small tree; while the parser
// walks the payload, a stack says where in that tree each open object or array stands.
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.hpp"
#include "codec/codec.hpp"
#include "codec/value.hpp"

namespace tributary::codec {
namespace {

using Json = nlohmann::json;

constexpr int kNone = -1;

struct Child {
    std::string key;
    uint64_t index;  // the key as array index, or kNoIndex
    int node;
};
constexpr uint64_t kNoIndex = std::numeric_limits<uint64_t>::max();

struct Node {
    std::vector<Child> children;
    std::vector<uint32_t> targets;  // which values stand here; values.size() = the time
};

uint64_t array_index(std::string_view token) {
    uint64_t index = 0;
    const auto [end, status] = std::from_chars(token.data(), token.data() + token.size(), index);
    const bool whole = status == std::errc{} && end == token.data() + token.size();
    return whole && (token.size() == 1 || token[0] != '0') ? index : kNoIndex;
}

std::string unescaped(std::string_view token) {
    std::string out;
    for (size_t i = 0; i < token.size(); i++) {
        const bool escape = token[i] == '~' && i + 1 < token.size();
        out.push_back(!escape ? token[i] : token[++i] == '1' ? '/' : '~');
    }
    return out;
}

class Tree {
  public:
    Tree() : nodes_(1) {}

    void add(std::string_view pointer, uint32_t target) {
        int node = 0;
        while (!pointer.empty()) {
            pointer.remove_prefix(1);
            const auto token = pointer.substr(0, pointer.find('/'));
            pointer.remove_prefix(token.size());
            node = descend(node, unescaped(token));
        }
        nodes_[static_cast<size_t>(node)].targets.push_back(target);
    }
    const Node& at(int node) const { return nodes_[static_cast<size_t>(node)]; }
    int by_key(int node, std::string_view key) const {
        for (const Child& child : at(node).children)
            if (child.key == key) return child.node;
        return kNone;
    }
    int by_index(int node, uint64_t index) const {
        for (const Child& child : at(node).children)
            if (child.index == index) return child.node;
        return kNone;
    }

  private:
    int descend(int node, const std::string& key) {
        if (const int known = by_key(node, key); known != kNone) return known;
        const int fresh = static_cast<int>(nodes_.size());
        nodes_[static_cast<size_t>(node)].children.push_back({key, array_index(key), fresh});
        nodes_.emplace_back();
        return fresh;
    }

    std::vector<Node> nodes_;
};

class JsonDecoder final : public Decoder {
  public:
    explicit JsonDecoder(const config::StreamSettings& stream) : stream_(stream), slots_(stream.values.size()) {
        for (uint32_t i = 0; i < stream.values.size(); i++) tree_.add(stream.values[i].pointer, i);
        if (!stream.time_pointer.empty()) tree_.add(stream.time_pointer, time_target());
    }

    Reason decode(std::string_view payload, Decoded& out) override {
        out.fields.clear();
        out.event_ns.reset();
        out.local = false;
        if (payload.find_first_not_of(" \t\r\n") == std::string_view::npos) return Reason::empty;
        // The parser takes a NUL byte for the end of its input.
        if (payload.find('\0') != std::string_view::npos) return Reason::json;
        for (Slot& slot : slots_) slot.seen = false;
        time_ = {};
        depth_ = 0;
        broken_ = Reason::none;
        payload_ = payload;
        if (!Json::sax_parse(payload.begin(), payload.end(), this))
            return !base::valid_utf8(payload) ? Reason::utf8 : broken_ == Reason::none ? Reason::json : broken_;
        return collect(out);
    }

    // The parser's events.
    bool null() { return unusable(); }
    bool boolean(bool yes) { return value({model::ValueKind::boolean, yes ? 1.0 : 0.0, {}}); }
    bool number_integer(int64_t number) { return integer(number, number < -kExactInteger); }
    bool number_unsigned(uint64_t number) { return integer(number, number > static_cast<uint64_t>(kExactInteger)); }
    bool number_float(double number, const std::string& text) {
        const int node = enter();
        if (node == kNone) return true;
        for (const uint32_t target : tree_.at(node).targets) {
            if (target == time_target())
                time_ = {true, time_from_number(number, stream_.time_unit_ns), false};
            else if (is_integer_text(text))
                set_text(target, text);
            else
                set_number(target, number);
        }
        return true;
    }
    bool string(std::string& text) {
        const int node = enter();
        if (node == kNone) return true;
        for (const uint32_t target : tree_.at(node).targets) {
            if (target != time_target())
                set_text(target, text);
            else if (const auto time = time_from_text(text, time_.local))
                time_.good = true, time_.ns = *time;
            else
                time_.good = false;
        }
        return true;
    }
    bool binary(Json::binary_t& /*bytes*/) { return false; }
    bool start_object(size_t /*elements*/) { return open(false); }
    bool start_array(size_t /*elements*/) { return open(true); }
    bool end_object() { return depth_--, true; }
    bool end_array() { return depth_--, true; }
    bool key(std::string& text) {
        const Frame& frame = frames_[depth_ - 1];
        pending_ = frame.node == kNone ? kNone : tree_.by_key(frame.node, text);
        return true;
    }
    bool parse_error(size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
        constexpr int kNumberOverflow = 406;
        broken_ = error.id == kNumberOverflow || names_no_number(position) ? Reason::not_finite : Reason::json;
        return false;
    }

  private:
    struct Frame {
        int node;
        bool array;
        uint64_t index;
    };
    struct Slot {
        bool seen = false;
        Reason reason = Reason::none;
        model::Value value;
        std::string text;  // what value.text points to; its memory is kept from message to message
    };
    struct Time {
        bool good = false;
        int64_t ns = 0;
        bool local = false;
    };

    uint32_t time_target() const { return static_cast<uint32_t>(stream_.values.size()); }

    // The node at which the value now beginning stands, or kNone.
    int enter() {
        if (depth_ == 0) return 0;
        Frame& frame = frames_[depth_ - 1];
        if (!frame.array) return pending_;
        return frame.node == kNone ? kNone : tree_.by_index(frame.node, frame.index++);
    }

    bool open(bool array) {
        const int node = enter();
        if (node != kNone) set_unusable(node);
        if (depth_ == kMaxDepth) return broken_ = Reason::json, false;
        frames_[depth_++] = {node, array, 0};
        return true;
    }

    bool unusable() {
        const int node = enter();
        if (node == kNone) return true;
        set_unusable(node);
        // With several values a null says that one of them is not there this time.
        if (stream_.values.size() > 1)
            for (const uint32_t target : tree_.at(node).targets)
                if (target != time_target()) slots_[target].seen = false;
        return true;
    }

    void set_unusable(int node) {
        for (const uint32_t target : tree_.at(node).targets) {
            if (target == time_target())
                time_.good = false;
            else
                slots_[target].seen = true, slots_[target].reason = Reason::wrong_type;
        }
    }

    bool value(const model::Value& value) {
        const int node = enter();
        if (node == kNone) return true;
        for (const uint32_t target : tree_.at(node).targets) {
            if (target == time_target()) {
                time_.good = false;
                continue;
            }
            Slot& slot = slots_[target];
            slot.seen = true, slot.reason = Reason::none, slot.value = value;
        }
        return true;
    }

    template <class Integer>
    bool integer(Integer number, bool too_large) {
        const int node = enter();
        if (node == kNone) return true;
        for (const uint32_t target : tree_.at(node).targets) {
            if (target == time_target()) {
                constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
                const bool fits = number < 0 || static_cast<uint64_t>(number) <= kMost;
                const auto whole = fits ? static_cast<int64_t>(number) : static_cast<int64_t>(kMost);
                time_ = {true, time_from_integer(whole, stream_.time_unit_ns), false};
            } else if (too_large) {
                std::array<char, 24> digits;
                const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
                set_text(target, {digits.data(), end});
            } else {
                set_number(target, static_cast<double>(number));
            }
        }
        return true;
    }

    void set_number(uint32_t target, double number) {
        Slot& slot = slots_[target];
        slot.seen = true;
        slot.reason = scaled(stream_, number, slot.value);
    }

    void set_text(uint32_t target, std::string_view text) {
        Slot& slot = slots_[target];
        slot.seen = true;
        slot.reason = text.size() > kMaxTextBytes ? Reason::not_a_value : Reason::none;
        slot.text.assign(text.substr(0, kMaxTextBytes));
        slot.value = {model::ValueKind::text, 0, slot.text};
    }

    // NaN, Infinity, -inf: not JSON, but written by enough devices to be told from mere garbage.
    bool names_no_number(size_t position) const {
        if (position == 0 || position > payload_.size()) return false;
        const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
        size_t start = position;  // behind the character the parser stopped at
        while (start > 0 && letter(payload_[start - 1])) start--;
        std::string word;
        for (const char c : payload_.substr(start, 3))
            word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
        return word == "nan" || word == "inf";
    }

    Reason collect(Decoded& out) const {
        if (!stream_.time_pointer.empty()) {
            if (!time_.good) return Reason::bad_time;
            out.event_ns = time_.ns;
            out.local = time_.local;
        }
        for (uint32_t i = 0; i < slots_.size(); i++) {
            if (!slots_[i].seen) continue;
            if (slots_[i].reason != Reason::none) return slots_[i].reason;
            out.fields.push_back({i, slots_[i].value});
        }
        return out.fields.empty() ? Reason::missing_field : Reason::none;
    }

    const config::StreamSettings stream_;
    Tree tree_;
    std::vector<Slot> slots_;
    Time time_;
    std::array<Frame, kMaxDepth> frames_;
    size_t depth_ = 0;
    int pending_ = kNone;
    Reason broken_ = Reason::none;
    std::string_view payload_;
};

}  // namespace

std::unique_ptr<Decoder> make_json(const config::StreamSettings& stream) {
    return std::make_unique<JsonDecoder>(stream);
}

}  // namespace tributary::codec
