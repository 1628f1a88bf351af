// SPDX-License-Identifier: Apache-2.0
// The bound on alarms of one machine: at most `max_per_machine` events open in each `per` of arrival time. What is
// beyond is held back and counted, and one event of the machine itself (detector and kind "flood") says so from the
// first that is held back until the time is over; its value is the number of events that wanted to open. A machine is
// the first levels of a series' name. Owned by the engine (one thread).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "config/settings.hpp"
#include "engine/context.hpp"

namespace tributary::engine {

class Floods {
  public:
    void configure(const config::EventSettings& settings) { settings_ = settings; }
    // Whether an event of this series may open now; `like` is what it would have been.
    bool admit(const model::Event& like, const Context& context);
    // Ends what is over by now (and all of it, at the end of the input).
    void close_due(const Context& context, bool all = false);
    int64_t next_deadline_ns() const { return next_ns_; }  // at most; arrival, kNever = none
    void arrival_back(int64_t back_ns);                    // arrivals count from so much earlier from now on

    void save(std::string& out) const;
    void load(base::ByteReader& in);

  private:
    struct Machine {
        int64_t until_ns = 0;  // arrival
        uint64_t wanted = 0;   // events in this time
        std::string stream;    // of the event that began the flood; "" while there is none
        model::Labels labels;
        int64_t start_ns = 0, end_ns = 0;  // event times of the first and the last that was held back
        model::TimeMark mark = model::TimeMark::device;
    };

    std::string_view machine_of(std::string_view series) const;
    void put_out(const std::string& name, const Machine& machine, model::EventState state, const Context& context);

    config::EventSettings settings_;
    std::map<std::string, Machine, std::less<>> machines_;  // with events lately
    int64_t next_ns_ = base::kNever;
};

}  // namespace tributary::engine
