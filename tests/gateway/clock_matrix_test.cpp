// SPDX-License-Identifier: Apache-2.0
// The clock matrix: what goes wrong with the clock of a box x when the time comes x three reboots before it x SIGKILL.
// The true time is known here, so every record that leaves the gateway is compared with it.
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "gateway/clock_watch.hpp"
#include "gateway/engine_loop.hpp"
#include "gateway/feeds.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kSecond = base::kNsPerSecond, kMinute = 60 * kSecond, kHour = 60 * kMinute;
// The clocks in Berlin go back at 01:00 UTC: 02:00 to 03:00 comes twice.
constexpr int64_t kBerlinBack = 1'792'890'000 * kSecond;

constexpr std::string_view kStreams = R"(
[gateway]
id = "line1"
[[stream]]
name = "arrival"
topics = ["arrival/+"]
forward = ["windows", "all"]
value = "/n"
window = { size = "10s", lateness = "2s" }
[[stream]]
name = "device"
topics = ["device/+"]
forward = ["windows", "all"]
value = "/n"
time = "/ts"
time_zone = "Europe/Berlin"
window = { size = "10s", lateness = "2s" }
)";

enum class Wrong { year_1970, hour_behind, hour_ahead, ten_years_ahead, leap_second, local_time };
constexpr std::array<std::string_view, 6> kWrongNames{"boot in 1970", "-1 h",        "+1 h",
                                                      "+10 years",    "leap second", "local time"};
struct Row {
    Wrong wrong;
    std::optional<int> sync_minutes;  // after the last boot; nothing = never
    bool reboots, kills;
};

// What a broker does, as far as it matters here: keeps what is not acknowledged and sends it again.
struct Broker {
    std::map<uint16_t, std::pair<std::string, std::string>> unacknowledged;  // by number
    std::vector<int64_t> truth_ns;                                           // of arrival, by number
    // Sent again over a kill: it may be in the log already, and the acknowledgement was lost.
    std::map<size_t, std::vector<int64_t>> again_ns;
};

class Process {
  public:
    Process(const std::string& path, const base::Clock& clock)
        : store_(open_store(path)), arrival(clock), watch_(clock, policy()) {
        OpenBlockLimits limits;
        limits.messages = 40, limits.gather_ns = 24 * kHour;
        open = std::make_unique<OpenBlock>(limits, clock, arrival);
        writer = std::make_unique<Writer>(WriterSettings{24 * kHour, 365 * 24 * kHour, 1 << 30}, *store_,
                                          take(store_->reader()), *open, cache, metrics_, clock, arrival);
        engine = std::make_unique<EngineLoop>(BlockSource(cache, take(store_->reader()), metrics_), *writer, *open,
                                              arrival, clock, metrics_);
        const auto recovered = engine->recover();
        CHECK(recovered.ok());
        const auto clocks = writer->clocks();
        if (const auto newest = clocks->newest_ns()) open->resume(*newest);
        watch_.resume(*clocks);
        second();
        writer->start(
            &session, [this] { engine->wake(); }, [] {});
        engine->start([] {});
        if (store_->next_seq(model::Log::intake) == 1)
            open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
    }
    ~Process() {  // as killed: what is not committed is gone
        writer->stop();
        engine = nullptr;
    }
    void second() {
        if (const auto record = watch_.check()) open->control(*record, false);
    }
    void settle() {
        CHECK(writer->drain(60 * kSecond));
        CHECK(eventually([&] {
            return engine->position() >= std::min(cache.end(model::Log::intake), writer->clocks()->held_from());
        }));
        engine->wake();
    }
    void stop_cleanly() {
        CHECK(writer->drain(60 * kSecond));
        CHECK(engine->finish(60 * kSecond));
        CHECK(writer->drain(60 * kSecond));
    }
    static ClockPolicy policy() { return {}; }

    std::unique_ptr<store::Store> store_;
    ArrivalClock arrival;
    ClockWatch watch_;
    metrics::Registry metrics_;
    BlockCache cache{4096};
    FakeSession session;
    std::unique_ptr<OpenBlock> open;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<EngineLoop> engine;
};

struct Figures {
    size_t messages = 0, lost = 0, repaired = 0, unsynced = 0, device_changed = 0, overlapping = 0, late = 0;
    double worst_synced_s = 0;  // arrival stamps of boots that were synchronised in time
    double worst_other_s = 0;   // of the others; they are marked
};

class World {
  public:
    explicit World(const Row& row) : row_(row) {}

    Figures run() {
        truth_ns_ = kBerlinBack - 25 * kMinute - 24 * kHour;
        boot(0, true);  // a good day, so that the store knows a synchronised clock
        live(2 * kMinute, std::nullopt);
        truth_ns_ += 24 * kHour;
        if (row_.reboots)
            for (int i = 0; i < 3; i++) {
                boot(error(), false);
                live(3 * kMinute, std::nullopt);
                truth_ns_ += kMinute;
            }
        const bool at_once = row_.sync_minutes == 0;
        boot(at_once ? 0 : error(), at_once);
        judged_from_ = broker_.truth_ns.size();
        live(22 * kMinute, row_.sync_minutes ? std::optional(*row_.sync_minutes * kMinute) : std::nullopt);
        judged_until_ = row_.sync_minutes ? broker_.truth_ns.size() : judged_from_;
        // And afterwards a boot with everything right.
        truth_ns_ += kMinute;
        boot(0, true);
        after_ = broker_.truth_ns.size();
        live(3 * kMinute, std::nullopt);
        start();
        process_->settle();
        process_->stop_cleanly();
        return judge();
    }

  private:
    int64_t error() const {
        switch (row_.wrong) {
            case Wrong::year_1970:
                return -truth_ns_;
            case Wrong::hour_behind:
                return -kHour;
            case Wrong::hour_ahead:
                return kHour;
            case Wrong::ten_years_ahead:
                return 3652 * 24 * kHour;
            default:
                return 0;
        }
    }

    void boot(int64_t error_ns, bool synchronised) {
        process_ = nullptr;
        clock_ = std::make_unique<base::ManualClock>(truth_ns_ + error_ns, 20 * kSecond, ++boots_);
        clock_->set_synchronised(synchronised);
        start();
    }

    // The process begins, and the broker hands out again what was not acknowledged.
    void start() {
        process_ = nullptr;
        process_ = std::make_unique<Process>(path_, *clock_);
        for (const auto& [number, what] : broker_.unacknowledged) {
            broker_.again_ns[number].push_back(truth_ns_);
            deliver(number, what.first, what.second);
        }
    }

    void live(int64_t for_ns, std::optional<int64_t> sync_after_ns) {
        for (int64_t at = 0; at < for_ns; at += kSecond) {
            if (sync_after_ns && at == *sync_after_ns && at > 0) {
                clock_->step_wall(truth_ns_ - clock_->wall_ns());
                clock_->set_synchronised(true);
            }
            if (row_.wrong == Wrong::leap_second && at == 12 * kMinute) {
                truth_ns_ -= kSecond;  // as POSIX counts it
                if (clock_->synchronised()) clock_->step_wall(-kSecond - 3000);
            }
            process_->second();
            if (at % (2 * kSecond) == 0) send();
            clock_->advance(kSecond);
            truth_ns_ += kSecond;
            if (at % (30 * kSecond) == 0) settle();
            if (row_.kills && at % (4 * kMinute) == 77 * kSecond) start();
        }
    }

    void settle() {
        process_->settle();
        for (const uint16_t number : process_->session.released()) broker_.unacknowledged.erase(number);
    }

    std::string device_time() const {
        if (row_.wrong != Wrong::local_time) return base::format("{}", base::ns_to_ms(truth_ns_));
        const int64_t offset = truth_ns_ < kBerlinBack ? 2 * kHour : kHour;
        auto text = base::format_time_ms(base::ns_to_ms(truth_ns_ + offset));
        return '"' + text.substr(0, text.size() - 1) + '"';
    }

    void send() {
        for (const std::string_view topic : {"arrival/a", "device/a"}) {
            const auto number = static_cast<uint16_t>(broker_.truth_ns.size());
            broker_.truth_ns.push_back(truth_ns_);
            device_ms_.push_back(base::ns_to_ms(truth_ns_));
            const auto payload = base::format(R"({{"n":{},"ts":{}}})", number, device_time());
            broker_.unacknowledged[number] = {std::string(topic), payload};
            deliver(number, topic, payload);
        }
    }

    void deliver(uint16_t number, std::string_view topic, std::string_view payload) {
        const mqtt::Ticket ticket{1, number};
        CHECK(process_->open->message(message(topic, payload, number), &ticket));
    }

    static double seconds_off(int64_t ts_ms, int64_t truth_ns) {
        return std::abs(static_cast<double>(ts_ms - base::ns_to_ms(truth_ns))) / 1000;
    }

    Figures judge() {
        Figures out;
        out.messages = broker_.truth_ns.size();
        BlockSource source(process_->cache, take(process_->store_->reader()), process_->metrics_);
        IntakeFeed feed(1, source, record::Routing("line1", "tb"), [&] { return process_->engine->position(); });
        std::set<size_t> seen;
        kafka::Item item;
        while (feed.next(item)) {
            if (item.nothing) continue;
            const auto json = nlohmann::json::parse(item.value);
            const auto number = json["value"].get<size_t>();
            const auto ts_ms = json["ts"].get<int64_t>();
            const bool first = seen.insert(number).second;
            const auto mark = item.record->time_mark;
            if (json["series"] == "device/a") {
                if (first && (ts_ms != device_ms_[number] || !mark.empty())) out.device_changed++;
                continue;
            }
            out.repaired += mark == "repaired" ? 1 : 0;
            out.unsynced += mark == "unsynced" ? 1 : 0;
            double off_s = seconds_off(ts_ms, broker_.truth_ns[number]);
            for (const int64_t again : broker_.again_ns[number]) off_s = std::min(off_s, seconds_off(ts_ms, again));
            const bool judged = (number >= judged_from_ && number < judged_until_) || number >= after_;
            auto& worst = judged ? out.worst_synced_s : out.worst_other_s;
            worst = std::max(worst, off_s);
            if (!judged && off_s > 1.5) CHECK(mark == "unsynced");
        }
        out.lost = out.messages - seen.size();
        auto reader = take(process_->store_->reader());
        check_windows(*reader, out);
        check_books(*reader);
        check_straight(*reader);
        return out;
    }

    void check_windows(store::Reader& reader, Figures& out) {
        std::map<std::string, std::vector<model::Window>> by_series;
        for (const auto& bytes : outputs_of(reader, model::Log::windows)) {
            const auto window = std::get<model::Window>(take(model::decode_output(bytes)));
            by_series[window.origin.series + window.window].push_back(window);
        }
        CHECK(by_series.size() == 2);
        for (auto& [name, windows] : by_series) {
            std::stable_sort(windows.begin(), windows.end(),
                             [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });
            for (size_t i = 1; i < windows.size(); i++)
                if (windows[i].start_ns < windows[i - 1].end_ns) out.overlapping++;
            // Nothing is poisoned: the windows of the good boot at the end are there.
            CHECK(std::count_if(windows.begin(), windows.end(), [&](const auto& w) {
                      return w.start_ns >= broker_.truth_ns[after_] && w.end_ns <= truth_ns_ && w.count == 5;
                  }) >= 10);
        }
        out.late = outputs_of(reader, model::Log::late).size();
        CHECK(outputs_of(reader, model::Log::dead).empty());
    }

    void check_books(store::Reader& reader) {
        const auto ledger = take(reader.ledger());
        for (const auto& name : {"arrival", "device"}) {
            const auto& account = ledger.streams.at(name);
            CHECK(account.received >= broker_.truth_ns.size() / 2);
            CHECK(account.pending() == static_cast<int64_t>(account.received));  // Kafka's share: nobody played it here
        }
    }

    // Killed or not: the outputs are those of the whole log read in one go.
    void check_straight(store::Reader& reader) {
        ClockHistory history;
        const auto each = [&](auto&& call) {
            for (uint64_t seq = 1; auto block = take(reader.block_at(model::Log::intake, seq));) {
                model::IntakeBlockReader records(block->body, block->first_seq);
                for (model::IntakeRecord record; records.next(record);) call(record);
                seq = block->end_seq();
            }
        };
        each([&](const model::IntakeRecord& record) {
            if (const auto* clock = std::get_if<model::ClockRecord>(&record.body))
                history.add(record.seq, record.arrival_ns, *clock);
            else
                history.time(record.arrival_ns);
        });
        struct Windows final : engine::Sink {
            void emit(model::Output&& output) override {
                if (model::log_of(output) == model::Log::windows) model::encode_output(output, all.emplace_back());
            }
            std::vector<std::string> all;
        } sink;
        model::Ledger ledger;
        auto engine = engine::make_engine();
        each([&](model::IntakeRecord& record) {
            history.apply(record);
            engine->process(record, sink, ledger);
        });
        CHECK(sink.all == outputs_of(reader, model::Log::windows));
    }

    const Row row_;
    TempFolder folder_;
    const std::string path_ = folder_.path + "/store.db";
    int64_t truth_ns_ = 0;
    uint64_t boots_ = 0;
    std::unique_ptr<base::ManualClock> clock_;
    std::unique_ptr<Process> process_;
    Broker broker_;
    std::vector<int64_t> device_ms_;
    size_t judged_from_ = 0, judged_until_ = 0, after_ = 0;
};

}  // namespace

TEST_CASE("clock matrix") {
    base::log::set_level("error");
    MESSAGE(
        "clock          sync    reboots  kill -9   messages  lost  repaired  unsynced  worst synced  worst marked  "
        "device changed  overlaps  late");
    for (size_t wrong = 0; wrong < kWrongNames.size(); wrong++)
        for (const std::optional<int> sync : {std::optional(0), std::optional(10), std::optional<int>()})
            for (const bool reboots : {false, true})
                for (const bool kills : {false, true}) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
                    if (kills != reboots) continue;  // half of the rows: an instrumented build is many times slower
#endif
                    const Row row{static_cast<Wrong>(wrong), sync, reboots, kills};
                    const auto f = World(row).run();
                    const auto line = base::format(
                        "{:<13} {:>6} {:>8} {:>8} {:>10} {:>5} {:>9} {:>9} {:>12.3f}s {:>12.0f}s {:>15} {:>9} {:>5}",
                        kWrongNames[wrong], sync ? base::format("{}min", *sync) : "never", reboots ? 3 : 0,
                        kills ? "yes" : "no", f.messages, f.lost, f.repaired, f.unsynced, f.worst_synced_s,
                        f.worst_other_s, f.device_changed, f.overlapping, f.late);
                    MESSAGE(line);
                    CAPTURE(line);
                    CHECK(f.lost == 0);
                    CHECK(f.worst_synced_s <= 1.0);
                    CHECK(f.device_changed == 0);
                    CHECK(f.overlapping == 0);
                    CHECK((f.repaired > 0) == (sync == 10));
                }
    base::log::set_level("info");
}

}  // namespace tributary::gateway
