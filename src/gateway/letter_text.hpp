// SPDX-License-Identifier: Apache-2.0
// Letters for people and programs: a line of a table, a page, a JSON object, and what to do about one. Pure, any
// thread. Nothing of a sensor's bytes reaches the terminal but what can be printed.
#pragma once

#include <string>

#include "gateway/letters.hpp"
#include "record/json.hpp"
#include "record/record.hpp"

namespace tributary::gateway {

// What is known besides the letter; only asked for when one is shown.
struct LetterDetails {
    std::optional<std::string> payload;         // dead: in full
    std::optional<record::KafkaRecord> record;  // refused: what would be sent again
};

std::string letter_header();  // of the table
std::string letter_line(const Letter& letter);
std::string letter_page(const Letter& letter, const LetterDetails& details, bool hex);
void letter_json(std::string& out, const Letter& letter, const LetterDetails* details = nullptr);
std::string letter_advice(const Letter& letter);
std::string letter_error(std::string_view code);  // a sentence for why one could not be retried

}  // namespace tributary::gateway
