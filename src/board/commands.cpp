// SPDX-License-Identifier: Apache-2.0
#include "board/commands.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "board/drop_ins.hpp"

namespace tributary::board {
namespace {

struct Choice {
    Profile profile;
    std::string by;
    Machine machine;
};

int failed(const base::Error& error) {
    std::cerr << error.text() << '\n';
    return 1;
}

// The profile that was asked for, or the machine's.
base::Result<Choice> choose(const ProfileOptions& options) {
    auto profiles = load(options.boards);
    if (!profiles) return profiles.error();
    const Machine machine = Machine::look(options.root);
    Match match;
    std::string ids;
    for (const auto& profile : *profiles) {
        ids += (ids.empty() ? "" : ", ") + profile.id;
        if (profile.id == options.id) match = {&profile, "its name"};
    }
    if (options.id.empty()) match = recognise(*profiles, machine);
    if (match.profile != nullptr) return Choice{*match.profile, match.by, machine};
    const std::string what = options.id.empty() ? base::format("{} is no board that is known here", machine.describe())
                                                : base::format("there is no board {}", options.id);
    return base::Error{"TRB-BOARD-002", base::format("{}; there are: {}", what, ids)};
}

void print_budget(const Profile& profile, const Budget& budget) {
    std::cout << base::format(
        "budget   from {} MiB of RAM on{}\n"
        "         memory {} (pressure from {} on), cpu {}, queues {} and {}\n"
        "         store {}, gather {}: the commits write up to {} a day\n",
        budget.ram_mib, profile.budgets.size() > 1 ? base::format(" (of {} budgets)", profile.budgets.size()) : "",
        budget.memory_max, budget.memory_high, budget.cpu_quota, budget.max_queue, budget.kafka_queue,
        budget.store_max_size, budget.gather, budget.written_per_day);
}

const char* state_text(DropIn::State state) {
    switch (state) {
        case DropIn::State::fresh:
            return "new";
        case DropIn::State::same:
            return "unchanged";
        case DropIn::State::changed:
            return "replaced";
        case DropIn::State::foreign:
            return "in the way";
    }
    return "";
}

}  // namespace

int profile_detect(const ProfileOptions& options) {
    const auto choice = choose(options);
    if (!choice) return failed(choice.error());
    const auto& [profile, by, machine] = *choice;
    const auto& budget = profile.budget(machine.ram_mib);
    if (options.json) {
        std::cout << nlohmann::json{{"id", profile.id},
                                    {"name", profile.name},
                                    {"by", by},
                                    {"machine", machine.describe()},
                                    {"ram_mib", machine.ram_mib},
                                    {"budget_ram_mib", budget.ram_mib}}
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
                  << '\n';
        return 0;
    }
    std::cout << base::format("{}\nboard    {}: {}, by {}\n", machine.describe(), profile.id, profile.name, by);
    print_budget(profile, budget);
    std::cout << "next     tributary profile apply\n";
    return 0;
}

int profile_show(const ProfileOptions& options) {
    const auto choice = choose(options);
    if (!choice) return failed(choice.error());
    const auto& profile = choice->profile;
    if (options.json) {
        std::cout << profile.json << (profile.json.ends_with('\n') ? "" : "\n");
        return 0;
    }
    std::cout << base::format("{}: {}\n", profile.id, profile.name);
    for (const auto& [key, value] : profile.facts) std::cout << base::format("{:<12} {}\n", key, value);
    for (const auto& note : profile.notes) std::cout << base::format("{:<12} {}\n", "note", note);
    for (const auto& budget : profile.budgets) print_budget(profile, budget);
    return 0;
}

int profile_apply(const ProfileOptions& options) {
    const auto choice = choose(options);
    if (!choice) return failed(choice.error());
    const auto files = drop_ins(choice->profile, choice->machine, options.root);
    if (options.dry_run) {
        for (const auto& file : files)
            std::cout << base::format("# {} ({})\n{}\n", file.path, state_text(file.state), file.content);
        return 0;
    }
    if (const auto written = write(files); !written) return failed(written.error());
    bool changed = false;
    for (const auto& file : files) {
        std::cout << base::format("{:<10} {}\n", state_text(file.state), file.path);
        changed |= file.state != DropIn::State::same;
    }
    if (changed) std::cout << "next: tributary check && systemctl daemon-reload && systemctl restart tributary\n";
    return 0;
}

}  // namespace tributary::board
