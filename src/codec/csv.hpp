// SPDX-License-Identifier: Apache-2.0
// CSV by RFC 4180: quoted cells with "" for a quote and line breaks inside, LF or CRLF, a byte order mark is skipped.
// The separator is a comma, or a semicolon when the first line has semicolons and no comma. One reader, one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::codec {

class CsvReader {
  public:
    explicit CsvReader(std::string_view text);

    // The cells of the next line that is not blank; false at the end or at a fault.
    bool next(std::vector<std::string>& row);
    bool ok() const { return ok_; }          // false: a quote without its end
    uint64_t line() const { return line_; }  // on which the last row began, from 1

  private:
    bool cell(std::string& out);  // true: another cell follows on this line

    std::string_view rest_;
    char separator_ = ',';
    uint64_t line_ = 0, next_line_ = 1;
    bool ok_ = true;
};

}  // namespace tributary::codec
