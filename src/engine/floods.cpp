// SPDX-License-Identifier: Apache-2.0
#include "engine/floods.hpp"

#include <algorithm>

#include "engine/alarms.hpp"

namespace tributary::engine {
namespace {

constexpr size_t kMostMachines = 10'000;  // with events in one `per`; the others are one machine more
constexpr std::string_view kOthers = "others";
constexpr std::string_view kFlood = "flood";

}  // namespace

std::string_view Floods::machine_of(std::string_view series) const {
    if (settings_.machine_levels == 0) {
        const auto slash = series.rfind('/');
        return slash == std::string_view::npos || slash == 0 ? series : series.substr(0, slash);
    }
    size_t end = 0;
    for (int64_t level = 0; level < settings_.machine_levels && end != std::string_view::npos; level++)
        end = series.find('/', level == 0 ? 0 : end + 1);
    return series.substr(0, end);
}

bool Floods::admit(const model::Event& like, const Context& context) {
    if (settings_.max_per_machine == 0) return true;
    auto name = machine_of(like.origin.series);
    auto found = machines_.find(name);
    if (found == machines_.end() && machines_.size() >= kMostMachines) {
        std::erase_if(machines_, [&](const auto& entry) {
            return entry.second.until_ns <= context.now_ns && entry.second.stream.empty();
        });
        if (machines_.size() >= kMostMachines) found = machines_.find(name = kOthers);
    }
    if (found == machines_.end()) found = machines_.emplace(name, Machine{}).first;
    Machine& machine = found->second;
    if (machine.until_ns <= context.now_ns) {
        if (!machine.stream.empty()) put_out(found->first, machine, model::EventState::closed, context);
        machine = {};
        machine.until_ns = context.now_ns + settings_.per_ns;
    }
    if (++machine.wanted <= static_cast<uint64_t>(settings_.max_per_machine)) return true;
    machine.end_ns = std::max(machine.end_ns, like.start_ns);
    if (machine.stream.empty()) {
        machine.stream = like.origin.stream;
        machine.labels = like.origin.labels;
        machine.start_ns = machine.end_ns = like.start_ns;
        machine.mark = like.mark;
        next_ns_ = std::min(next_ns_, machine.until_ns);
        put_out(found->first, machine, model::EventState::open, context);
    }
    return false;
}

void Floods::close_due(const Context& context, bool all) {
    if (!all && context.now_ns < next_ns_) return;
    next_ns_ = base::kNever;
    for (auto& [name, machine] : machines_) {
        if (machine.stream.empty()) continue;
        if (!all && machine.until_ns > context.now_ns) {
            next_ns_ = std::min(next_ns_, machine.until_ns);
            continue;
        }
        put_out(name, machine, model::EventState::closed, context);
        machine = {};
    }
    std::erase_if(machines_, [&](const auto& entry) { return all || entry.second.until_ns <= context.now_ns; });
}

void Floods::arrival_back(int64_t back_ns) {
    for (auto& [name, machine] : machines_) machine.until_ns -= back_ns;
    if (next_ns_ != base::kNever) next_ns_ -= back_ns;
}

void Floods::put_out(const std::string& name, const Machine& machine, model::EventState state, const Context& context) {
    model::Event event;
    event.origin = {name, machine.stream, "", machine.labels};
    event.event_id = event_id(context.gateway, name, kFlood, machine.start_ns);
    event.detector = event.kind = kFlood;
    event.state = state;
    event.start_ns = machine.start_ns;
    if (state == model::EventState::closed) event.end_ns = machine.end_ns;
    const auto wanted = static_cast<double>(machine.wanted);
    event.score = 1 - static_cast<double>(settings_.max_per_machine) / wanted / 2;  // 0.5 at the bound
    event.value = wanted;
    event.severity = model::Severity::critical;
    event.mark = machine.mark;
    context.sink.emit(std::move(event));
    context.stats.events++;
}

void Floods::save(std::string& out) const {
    base::put_varint(out, machines_.size());
    for (const auto& [name, machine] : machines_) {
        base::put_text(out, name);
        base::put_signed(out, machine.until_ns);
        base::put_varint(out, machine.wanted);
        base::put_text(out, machine.stream);
        base::put_varint(out, machine.labels.size());
        for (const auto& [key, value] : machine.labels) base::put_text(out, key), base::put_text(out, value);
        base::put_signed(out, machine.start_ns);
        base::put_signed(out, machine.end_ns);
        out.push_back(static_cast<char>(machine.mark));
    }
}

void Floods::load(base::ByteReader& in) {
    const uint64_t count = in.varint();
    for (uint64_t i = 0; i < count && in.ok(); i++) {
        std::string name(in.text());
        Machine machine;
        machine.until_ns = in.signed_varint();
        machine.wanted = in.varint();
        machine.stream = in.text();
        const uint64_t labels = in.varint();
        for (uint64_t k = 0; k < labels && in.ok(); k++) {
            std::string key(in.text());
            machine.labels.emplace_back(std::move(key), std::string(in.text()));
        }
        machine.start_ns = in.signed_varint();
        machine.end_ns = in.signed_varint();
        machine.mark = static_cast<model::TimeMark>(std::min<uint8_t>(in.byte(), 3));
        if (!machine.stream.empty()) next_ns_ = std::min(next_ns_, machine.until_ns);
        machines_.emplace(std::move(name), std::move(machine));
    }
}

}  // namespace tributary::engine
