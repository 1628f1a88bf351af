// SPDX-License-Identifier: Apache-2.0
// Rows out of b-tree pages (https://www.sqlite.org/fileformat2.html, 1.6 and 2.1). Nothing on the page is believed:
// what does not fit is left out.
#include <algorithm>

#include "store/pages.hpp"
#include "store/schema.hpp"

namespace tributary::store {
namespace {

constexpr uint8_t kLeafTable = 0x0d, kLeafIndex = 0x0a, kInteriorIndex = 0x02;
constexpr size_t kUsable = static_cast<size_t>(kPageBytes);
constexpr size_t kMinLocal = (kUsable - 12) * 32 / 255 - 23;
constexpr size_t kMaxLocalTable = kUsable - 35, kMaxLocalIndex = (kUsable - 12) * 64 / 255 - 23;
constexpr uint64_t kMaxPayload = 513ULL << 20;

// Big-endian, seven bits a byte, the ninth byte whole.
class Bytes {
  public:
    explicit Bytes(std::string_view bytes) : left_(bytes) {}
    bool ok() const { return ok_; }
    std::string_view left() const { return left_; }
    uint64_t varint() {
        uint64_t value = 0;
        for (int i = 0; i < 9; i++) {
            const uint64_t next = number(1);
            if (i == 8) return value << 8 | next;
            value = value << 7 | (next & 0x7f);
            if ((next & 0x80) == 0) return value;
        }
        return value;
    }
    uint64_t number(size_t size) {
        uint64_t value = 0;
        for (const char c : take(size)) value = value << 8 | static_cast<uint8_t>(c);
        return value;
    }
    std::string_view take(uint64_t size) {
        if (size > left_.size()) return ok_ = false, left_ = {}, std::string_view{};
        const auto part = left_.substr(0, size);
        left_.remove_prefix(size);
        return part;
    }

  private:
    std::string_view left_;
    bool ok_ = true;
};

int64_t with_sign(uint64_t value, size_t bytes) {
    const auto shift = 64 - 8 * bytes;
    return static_cast<int64_t>(value << shift) >> shift;
}

bool value_of(uint64_t type, Bytes& body, Value& value) {
    static constexpr size_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    value = {};
    if (type >= 12) {
        value.kind = type % 2 == 0 ? Value::Kind::blob : Value::Kind::text;
        value.bytes = body.take((type - 12) / 2);
    } else if (type >= 10) {
        return false;
    } else if (type == 7) {
        value.kind = Value::Kind::real;
        body.take(8);
    } else if (type != 0) {
        value.kind = Value::Kind::integer;
        value.integer = type >= 8 ? static_cast<int64_t>(type) - 8 : with_sign(body.number(kSizes[type]), kSizes[type]);
    }
    return body.ok();
}

bool parse_record(std::string_view payload, std::vector<Value>& values) {
    values.clear();
    Bytes size_of_header(payload);
    const uint64_t header_bytes = size_of_header.varint();
    const size_t used = payload.size() - size_of_header.left().size();
    if (!size_of_header.ok() || header_bytes < used || header_bytes > payload.size()) return false;
    Bytes header(payload.substr(used, header_bytes - used)), body(payload.substr(header_bytes));
    while (!header.left().empty()) {
        Value value;
        if (!value_of(header.varint(), body, value) || !header.ok() || values.size() > 32) return false;
        values.push_back(value);
    }
    return body.left().empty();
}

// The payload of a cell whose first part is on the page and the rest in a chain of overflow pages.
bool whole_payload(const PageFile& file, Bytes& cell, uint64_t size, size_t max_local, std::string& payload) {
    if (size > kMaxPayload) return false;
    if (size <= max_local) {
        payload.assign(cell.take(size));
        return cell.ok();
    }
    const size_t above = kMinLocal + (size - kMinLocal) % (kUsable - 4);
    payload.assign(cell.take(above <= max_local ? above : kMinLocal));
    auto next = static_cast<uint32_t>(cell.number(4));
    if (!cell.ok()) return false;
    std::string page;
    while (payload.size() < size) {
        if (next == 0 || !file.read(next, page)) return false;
        next = static_cast<uint32_t>(Bytes(page).number(4));
        payload.append(page, 4, std::min<size_t>(kUsable - 4, size - payload.size()));
    }
    return true;
}

}  // namespace

bool Row::is(std::string_view shape) const {
    static constexpr std::string_view kLetters = "nirtb";
    if (values.size() != shape.size()) return false;
    for (size_t i = 0; i < shape.size(); i++)
        if (shape[i] != '*' && shape[i] != kLetters[static_cast<size_t>(values[i].kind)]) return false;
    return true;
}

void for_each_row(const PageFile& file, uint32_t number, std::string_view page,
                  const std::function<void(const Row&)>& row) {
    const size_t start = number == 1 ? 100 : 0;  // the first one begins with the file's header
    const auto type = static_cast<uint8_t>(page[start]);
    if (type != kLeafTable && type != kLeafIndex && type != kInteriorIndex) return;
    Bytes count_at(page.substr(start + 3));
    const uint64_t count = count_at.number(2);
    Bytes pointers(page.substr(start + (type == kInteriorIndex ? 12 : 8)));
    Row found;
    std::string payload;
    found.of_index = type != kLeafTable;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = pointers.number(2);
        if (!pointers.ok()) return;
        if (at >= page.size()) continue;
        Bytes cell(page.substr(at));
        if (type == kInteriorIndex) cell.take(4);
        const uint64_t size = cell.varint();
        found.rowid = type == kLeafTable ? static_cast<int64_t>(cell.varint()) : 0;
        if (!cell.ok() ||
            !whole_payload(file, cell, size, type == kLeafTable ? kMaxLocalTable : kMaxLocalIndex, payload))
            continue;
        if (parse_record(payload, found.values)) row(found);
    }
}

}  // namespace tributary::store
