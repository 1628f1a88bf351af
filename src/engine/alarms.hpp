// SPDX-License-Identifier: Apache-2.0
// The events of the detectors of one stream: which open, change and close, and which of them are put out - a mute, a
// flood or a hold-off may keep one back, and each such is counted. Owned by whoever runs detectors (StreamState); one
// thread. A slot is one series and one detector; what they found is told by settle(). It does not run detectors.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "config/settings.hpp"
#include "detect/lifecycle.hpp"
#include "engine/context.hpp"

namespace tributary::engine {

struct Acknowledgement {
    std::string_view event_id, by;
};

class Alarms {
  public:
    // Whose event it is. The detector's place in the stream's settings names it.
    struct Place {
        const config::StreamSettings& stream;
        std::string_view series;
        size_t slot;
        size_t detector;
    };

    // Hears of each event that opens, changes or closes and is put out, just before.
    using Told = std::function<void(const Place&, const model::Event&, const Context&)>;

    explicit Alarms(const config::StreamSettings& settings);
    void tell(Told told) { told_ = std::move(told); }

    void resize(size_t slots) { events_.resize(slots); }
    // One finding, in the order of the readings. Whether an event opened.
    bool settle(const Place& place, const detect::Finding& finding, int64_t event_ns, double value,
                model::TimeMark mark, const Context& context);
    // Closes what is open, at event_ns, and forgets the slot.
    void close(const Place& place, int64_t event_ns, const Context& context);
    // Puts the event out once more with who has seen it, when it is the newest one of its slot; whether it was.
    bool acknowledge(const Place& place, const Acknowledgement& wanted, const Context& context);
    bool is_open(size_t slot) const { return events_[slot].life.open != 0; }
    size_t open() const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in);  // of as many slots as resize() said

  private:
    struct Event {
        detect::LifecycleState life;
        uint8_t announced = 0;  // its opening was put out, so its end will be
        uint8_t muted = 0;      // its opening was not, because of a mute: it will be when that ends before the event
        model::TimeMark mark = model::TimeMark::device;  // of the reading that opened it
    };

    void on(const Place& place, const detect::Transition& transition, model::TimeMark mark, const Context& context);
    model::Event describe(const Place& place, const detect::Transition& transition, model::TimeMark mark,
                          const Context& context) const;

    std::vector<detect::Common> common_;  // by detector
    std::vector<Event> events_;           // by slot
    Told told_;
};

// 16 hex digits. nth: see detect::Transition.
std::string event_id(std::string_view gateway, std::string_view series, std::string_view detector, int64_t start_ns,
                     uint32_t nth = 0);

}  // namespace tributary::engine
