// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "base/result.hpp"

namespace tributary::base {
namespace {

// journald takes the priority from "<N>" in front of a line; it adds the time itself.
class JournalPrefix : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const char* prefix = "<6>";
        if (message.level == spdlog::level::debug) prefix = "<7>";
        if (message.level == spdlog::level::warn) prefix = "<4>";
        if (message.level >= spdlog::level::err) prefix = "<3>";
        out.append(prefix, prefix + 3);
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalPrefix>(); }
};

spdlog::logger& logger() {
    static const auto instance = [] {
        auto log = std::make_shared<spdlog::logger>("tributary", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        if (std::getenv("JOURNAL_STREAM") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
            auto formatter = std::make_unique<spdlog::pattern_formatter>();
            formatter->add_flag<JournalPrefix>('*').set_pattern("%*%v");
            log->set_formatter(std::move(formatter));
        } else {
            log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-7l %v");
        }
        log->flush_on(spdlog::level::debug);
        return log;
    }();
    return *instance;
}

spdlog::level::level_enum to_spdlog(log::Level level) {
    switch (level) {
        case log::Level::debug:
            return spdlog::level::debug;
        case log::Level::info:
            return spdlog::level::info;
        case log::Level::warning:
            return spdlog::level::warn;
        case log::Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

namespace log {

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

bool set_level(std::string_view name) {
    if (name == "debug") return set_level(Level::debug), true;
    if (name == "info") return set_level(Level::info), true;
    if (name == "warning") return set_level(Level::warning), true;
    if (name == "error") return set_level(Level::error), true;
    return false;
}

bool enabled(Level level) { return logger().should_log(to_spdlog(level)); }

void write(Level level, std::string_view text) {
    logger().log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace log

void assertion_failed(const char* condition, const char* file, int line) {
    log::error("TRB-BASE-001: broken invariant {} at {}:{}; the process stops and is started again", condition, file,
               line);
    std::abort();
}

}  // namespace tributary::base
