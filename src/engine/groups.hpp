// SPDX-License-Identifier: Apache-2.0
// One configured `group` detector: which series belong to which group, the states of both, their events. Owned by
// StreamState (one thread). A group has at least one series, so the stream's max_series bounds them; its members are
// bounded by the detector. What it does not do: judge; that is detect::Group's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "detect/group.hpp"
#include "engine/alarms.hpp"
#include "engine/context.hpp"
#include "model/series_table.hpp"

namespace tributary::engine {

class Groups {
  public:
    Groups(const config::StreamSettings& settings, size_t detector);
    void rebind(const config::StreamSettings& settings) { settings_ = &settings; }  // of equal text

    void add(model::SeriesId series, std::string_view name, const model::Reading& reading, const Context& context);
    void forget(model::SeriesId series, const Context& context);   // the last member's group is gone
    void restart(model::SeriesId series, const Context& context);  // its event times begin anew
    void flush(const Context& context);                            // closes all events
    bool acknowledge(const Acknowledgement& wanted, const Context& context);
    void count(Stats& stats) const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in, size_t series);

  private:
    using GroupId = model::SeriesId;  // of the names of groups
    struct One {
        detect::GroupState state{};
        uint64_t taken = 0;    // members, a bit each
        bool crowded = false;  // one was refused
        std::vector<detect::MemberState> members;
    };
    struct Place {
        GroupId group = kNowhere;
        uint8_t member = kRefused;
    };
    static constexpr GroupId kNowhere = UINT32_MAX;
    static constexpr uint8_t kRefused = UINT8_MAX;

    GroupId intern(std::string_view name, std::string_view topic);
    bool admit(Place& place);
    bool has_place(model::SeriesId series) const {
        return series < places_.size() && places_[series].member != kRefused;
    }
    Alarms::Place whose(GroupId group) const { return {*settings_, names_.name(group), group, detector_}; }
    void close(GroupId group, const Context& context) {
        alarms_.close(whose(group), groups_[group].state.newest_ns, context);
    }

    const config::StreamSettings* settings_;
    size_t detector_;  // of the settings
    detect::Group rules_;
    model::SeriesTable names_;
    std::vector<One> groups_;    // by GroupId
    std::vector<Place> places_;  // by series
    Alarms alarms_;              // slots as groups_
};

}  // namespace tributary::engine
