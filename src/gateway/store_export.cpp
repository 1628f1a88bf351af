// SPDX-License-Identifier: Apache-2.0
// `tributary store export`: the records of one log as JSON lines or CSV. Intake comes as the lines `replay` reads; the
// other logs as the records Kafka gets. Block by block, so memory does not grow with the store.
#include <fstream>
#include <iostream>
#include <optional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "gateway/clock_history.hpp"
#include "gateway/log_range.hpp"
#include "gateway/store_commands.hpp"
#include "model/intake.hpp"
#include "model/output.hpp"
#include "record/json.hpp"
#include "record/record.hpp"
#include "store/store.hpp"

namespace tributary::gateway {
namespace {

using record::JsonObject;

constexpr std::array<std::string_view, 4> kStates{"synced", "holdover", "unsynced", "repaired"};

std::string csv(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

class Exporter {
  public:
    Exporter(const StoreOptions& options, const StorePlace& place, model::Log log, store::Reader& reader,
             std::ostream& out)
        : place_(place), log_(log), csv_(options.format == "csv"), reader_(reader), out_(out) {}

    bool range(const StoreOptions& options) {
        const auto from = border(options.from), until = border(options.until);
        if (!from || !until) return false;
        from_ = *from, until_ = *until;
        return true;
    }
    base::Result<> run();
    uint64_t damaged() const { return damaged_; }

  private:
    bool wanted(uint64_t seq, int64_t time_ns) const {
        return (!from_.seq || seq >= *from_.seq) && (!until_.seq || seq <= *until_.seq) &&
               (!from_.time_ns || time_ns >= *from_.time_ns) && (!until_.time_ns || time_ns <= *until_.time_ns);
    }
    base::Result<> block(const store::Block& block);
    void intake(const model::IntakeRecord& record);
    void message(const model::IntakeRecord& record, const model::Message& message);
    void control(const model::IntakeRecord& record);
    void output(const store::Block& block, uint64_t seq, std::string_view bytes);

    const StorePlace& place_;
    const model::Log log_;
    const bool csv_;
    store::Reader& reader_;
    std::ostream& out_;
    Border from_, until_;
    uint64_t damaged_ = 0;
    record::KafkaRecord record_;
};

base::Result<> Exporter::run() {
    if (csv_) out_ << (log_ == model::Log::intake ? "seq,arrival,topic,payload\n" : "seq,time,topic,key,id,value\n");
    uint64_t seq = std::max<uint64_t>(from_.seq.value_or(1), 1);
    const auto end = reader_.next_seq(log_);
    if (!end) return end.error();
    const uint64_t until = std::min(until_.seq.value_or(*end), *end);
    while (seq <= until) {
        auto found = reader_.block_at(log_, seq);
        if (!found) {
            if (found.error().code != store::kFormat) return found.error();
            std::cerr << found.error().text() << '\n';
            const auto behind = reader_.seq_behind(log_, seq);
            if (!behind || *behind <= seq) return found.error();
            damaged_ += *behind - seq;
            seq = *behind;
            continue;
        }
        if (!*found) break;
        if (auto done = block(**found); !done) return done;
        seq = (**found).end_seq();
    }
    out_.flush();
    if (!out_) return base::Error{store::kCommand, "the output cannot be written"};
    return {};
}

base::Result<> Exporter::block(const store::Block& block) {
    if (log_ == model::Log::intake) {
        model::IntakeBlockReader records(block.body, block.first_seq);
        for (model::IntakeRecord record; records.next(record);)
            if (wanted(record.seq, record.arrival_ns)) intake(record);
        return {};
    }
    model::for_each_output(block.body, [&](uint32_t index, std::string_view bytes) {
        if (wanted(block.first_seq + index, block.last_time_ns)) output(block, block.first_seq + index, bytes);
    });
    return {};
}

void Exporter::intake(const model::IntakeRecord& record) {
    if (const auto* one = record.message())
        message(record, *one);
    else if (!csv_)
        control(record);
}

void Exporter::message(const model::IntakeRecord& record, const model::Message& message) {
    if (csv_) {
        out_ << record.seq << ',' << base::format_time_ms(base::ns_to_ms(record.arrival_ns)) << ','
             << csv(message.topic) << ','
             << csv(base::valid_utf8(message.payload) ? std::string(message.payload)
                                                      : "base64:" + base::base64(message.payload))
             << '\n';
        return;
    }
    std::string line;
    JsonObject object(line);
    object.integer("seq", record.seq).integer("arrival", base::ns_to_ms(record.arrival_ns));
    object.text("topic", message.topic);
    if (base::valid_utf8(message.payload))
        object.text("payload", message.payload);
    else
        JsonObject(object.key("payload")).text("base64", base::base64(message.payload)).end();
    object.end();
    out_ << line << '\n';
}

// What stands among the messages, as far as replay takes it.
void Exporter::control(const model::IntakeRecord& record) {
    std::string line;
    JsonObject object(line);
    object.integer("seq", record.seq).integer("arrival", base::ns_to_ms(record.arrival_ns));
    if (const auto* clock = std::get_if<model::ClockRecord>(&record.body)) {
        object.text("control", "clock").text("state", kStates[static_cast<size_t>(clock->state)]);
        object.integer("epoch", uint64_t{clock->epoch});
    } else if (const auto* config = std::get_if<model::ConfigRecord>(&record.body)) {
        object.text("control", "config").text("text", config->text);
    } else if (const auto* mute = std::get_if<model::MuteRecord>(&record.body)) {
        object.text("control", "mute").text("series", mute->series).integer("until", base::ns_to_ms(mute->until_ns));
    } else if (const auto* session = std::get_if<model::SessionRecord>(&record.body)) {
        object.text("control", "session").boolean("connected", session->connected);
    } else if (std::holds_alternative<model::TickRecord>(record.body)) {
        object.text("control", "tick");
    } else {
        return;
    }
    object.end();
    out_ << line << '\n';
}

void Exporter::output(const store::Block& block, uint64_t seq, std::string_view bytes) {
    const auto decoded = model::decode_output(bytes);
    if (!decoded) {
        std::cerr << decoded.error().text() << '\n';
        damaged_++;
        return;
    }
    const record::Source source{place_.gateway, place_.prefix, block.incarnation, false};
    record::project(source, *decoded, seq, record_);
    if (csv_)
        out_ << seq << ',' << base::format_time_ms(record_.timestamp_ms) << ',' << csv(record_.topic) << ','
             << csv(record_.key) << ',' << record_.id << ',' << csv(record_.value) << '\n';
    else
        out_ << record::to_json_line(source, record_) << '\n';
}

}  // namespace

int store_export(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    const auto log = model::log_by_name(options.log);
    auto reader = store::Reader::open(place.path);
    if (!reader) return store_failed(reader.error().code, reader.error().message);
    std::ofstream file;
    if (!options.output.empty()) {
        file.open(options.output, std::ios::binary | std::ios::trunc);
        if (!file) return store_failed(store::kCommand, options.output + ": cannot be written");
    }
    Exporter exporter(options, place, *log, **reader, options.output.empty() ? std::cout : file);
    if (!exporter.range(options)) {
        std::cerr << "--from and --to are numbers of records or times like 2026-05-01T12:00:00Z\n";
        return 2;
    }
    if (const auto done = exporter.run(); !done) return store_failed(done.error().code, done.error().message);
    if (exporter.damaged() > 0)
        std::cerr << base::format("{} records could not be read and are not in the output\n", exporter.damaged());
    return exporter.damaged() > 0 ? 1 : 0;
}

}  // namespace tributary::gateway
