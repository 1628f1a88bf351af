// SPDX-License-Identifier: Apache-2.0
// What the control socket is asked about letters, in the gateway: to take dead ones in again, and to put letters away
// that are done with. The gateway does it because it is the one writer of its store. Control's thread; a few hundred
// letters at a time, so that it is not away for long. What it does not do: list letters, send refused records (that is
// for the command: dead_commands).
#pragma once

#include <string>
#include <string_view>

#include "config/settings.hpp"
#include "engine/engine.hpp"
#include "gateway/open_block.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

inline constexpr size_t kLettersAtOnce = 200;

struct DeadDesk {
    const config::Settings& settings;  // in force
    store::Reader& reader;             // control's own
    Writer& writer;
    OpenBlock& open;
    const base::Clock& arrival;

    // "retry RANGES STORE", "put-away LOG RANGES STORE"; RANGES: 3,5-9. STORE: the path the one who asks means.
    // The answer: a line "SEQ taken" or "SEQ CODE" for each letter asked for, or "ok"; or "error: CODE: text".
    std::string answer(std::string_view request);

  private:
    std::string retry(const std::vector<SeqRange>& ranges);
    base::Result<> take_in(Letters& letters, const model::DeadLetter& letter, engine::Projection& projection);
    bool decodes(const model::DeadLetter& letter, const model::Message& message, engine::Projection& projection) const;
    base::Result<> put_away(model::Log log, const std::vector<SeqRange>& ranges);
};

}  // namespace tributary::gateway
