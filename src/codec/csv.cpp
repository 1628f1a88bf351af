// SPDX-License-Identifier: Apache-2.0
#include "codec/csv.hpp"

namespace tributary::codec {

CsvReader::CsvReader(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    const auto first = rest_.substr(0, rest_.find('\n'));
    if (first.find(',') == std::string_view::npos && first.find(';') != std::string_view::npos) separator_ = ';';
}

bool CsvReader::next(std::vector<std::string>& row) {
    while (!rest_.empty() && (rest_.front() == '\n' || rest_.front() == '\r')) {
        next_line_ += rest_.front() == '\n' ? 1 : 0;
        rest_.remove_prefix(1);
    }
    if (rest_.empty() || !ok_) return false;
    line_ = next_line_;
    size_t count = 0;
    for (bool more = true; more; count++) {
        if (row.size() <= count) row.emplace_back();
        more = cell(row[count]);
    }
    row.resize(count);
    return ok_;
}

bool CsvReader::cell(std::string& out) {
    out.clear();
    if (rest_.starts_with('"')) {
        rest_.remove_prefix(1);
        while (true) {
            const size_t quote = rest_.find('"');
            if (quote == std::string_view::npos) {
                ok_ = false;
                return false;
            }
            out.append(rest_.substr(0, quote));
            rest_.remove_prefix(quote + 1);
            if (!rest_.starts_with('"')) break;
            out.push_back('"');
            rest_.remove_prefix(1);
        }
        for (const char c : out) next_line_ += c == '\n' ? 1 : 0;
    }
    // Outside of quotes; behind a quoted cell nothing should stand here, and what does is kept rather than lost.
    const size_t end = std::min(rest_.find(separator_), rest_.find('\n'));
    auto plain = rest_.substr(0, end);
    const bool more = end < rest_.size() && rest_[end] == separator_;
    if (!more && plain.ends_with('\r')) plain.remove_suffix(1);
    out.append(plain);
    rest_.remove_prefix(end < rest_.size() ? end + 1 : rest_.size());
    if (!more) next_line_++;
    return more;
}

}  // namespace tributary::codec
