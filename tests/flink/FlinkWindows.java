// SPDX-License-Identifier: Apache-2.0
// Puts traces through Flink's own windows. The argument is a plan: one job a line, `key=value` separated by spaces:
//   api=sql|batch|datastream  trace=FILE  output=FILE  kind=tumbling|hopping|session|count  size= slide= gap= count=
//   lateness= revise= (ms)  offset= (ms)  zone= (SQL only)
// A trace is a CSV of `series,ts,value` in order of arrival. An output has one line per emitted window in the order of
// emission, `series,start,end,count,sum,min,max,avg`, and at the end `late,N`. Watermarks are emitted after every record, so no
// result depends on when Flink's timers run; parallelism is 1 and every job has one source split.
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.api.windowing.windows.Window;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.OutputTag;

public class FlinkWindows {
    static final OutputTag<Tuple3<String, Long, Double>> LATE = new OutputTag<>("late") {};
    static final TypeInformation<Tuple3<String, Long, Double>> READING = Types.TUPLE(Types.STRING, Types.LONG, Types.DOUBLE);

    /** One line of the plan. */
    static class Job {
        private final Map<String, String> words = new HashMap<>();

        Job(String line) {
            for (String word : line.trim().split(" ")) {
                int equals = word.indexOf('=');
                words.put(word.substring(0, equals), word.substring(equals + 1));
            }
        }

        String text(String key) {
            return words.getOrDefault(key, "");
        }

        long number(String key) {
            return Long.parseLong(words.getOrDefault(key, "0"));
        }

        Duration duration(String key) {
            return Duration.ofMillis(number(key));
        }

        List<Tuple3<String, Long, Double>> readings() throws Exception {
            List<Tuple3<String, Long, Double>> all = new ArrayList<>();
            for (String line : Files.readAllLines(Path.of(text("trace")))) {
                String[] cells = line.split(",");
                if (!cells[1].equals("ts")) {
                    all.add(Tuple3.of(cells[0], Long.parseLong(cells[1]), Double.parseDouble(cells[2])));
                }
            }
            return all;
        }
    }

    /** Bounded out-of-orderness, told after every record instead of every 200 ms. */
    static class PerRecord implements WatermarkGenerator<Tuple3<String, Long, Double>> {
        private final long lateness;
        private long newest = Long.MIN_VALUE;

        PerRecord(long lateness) {
            this.lateness = lateness;
        }

        @Override
        public void onEvent(Tuple3<String, Long, Double> reading, long time, WatermarkOutput output) {
            newest = Math.max(newest, time);
            output.emitWatermark(new Watermark(newest - lateness - 1));
        }

        @Override
        public void onPeriodicEmit(WatermarkOutput output) {}
    }

    /** What stands in one window. A count window has no times of its own: it goes from its first event time to 1 ms after its last. */
    static class Summary<W extends Window> extends ProcessWindowFunction<Tuple3<String, Long, Double>, Row, String, W> {
        @Override
        public void process(String series, Context context, Iterable<Tuple3<String, Long, Double>> readings,
                org.apache.flink.util.Collector<Row> out) {
            long count = 0;
            long first = Long.MAX_VALUE;
            long last = Long.MIN_VALUE;
            double sum = 0;
            double min = Double.POSITIVE_INFINITY;
            double max = Double.NEGATIVE_INFINITY;
            for (Tuple3<String, Long, Double> reading : readings) {
                count++;
                sum += reading.f2;
                min = Math.min(min, reading.f2);
                max = Math.max(max, reading.f2);
                first = Math.min(first, reading.f1);
                last = Math.max(last, reading.f1);
            }
            boolean timed = context.window() instanceof TimeWindow;
            long start = timed ? ((TimeWindow) context.window()).getStart() : first;
            long end = timed ? ((TimeWindow) context.window()).getEnd() : last + 1;
            out.collect(Row.of(series, start, end, count, sum, min, max, sum / count));
        }
    }

    static StreamExecutionEnvironment environment() {
        Configuration configuration = new Configuration();
        configuration.setString("metrics.reporter.late.factory.class", LateRecords.Factory.class.getName());
        configuration.setString("rest.bind-port", "0");
        configuration.setString("rest.port", "0");
        configuration.setString("pipeline.auto-watermark-interval", "0");
        return StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
    }

    static long dataStream(Job job, PrintWriter out) throws Exception {
        StreamExecutionEnvironment env = environment();
        long lateness = job.number("lateness");
        KeyedStream<Tuple3<String, Long, Double>, String> readings = env.fromData(job.readings(), READING)
                .assignTimestampsAndWatermarks(WatermarkStrategy
                        .<Tuple3<String, Long, Double>>forGenerator(context -> new PerRecord(lateness))
                        .withTimestampAssigner((reading, before) -> reading.f1))
                .keyBy(reading -> reading.f0, Types.STRING);
        TypeInformation<Row> type = Types.ROW(Types.STRING, Types.LONG, Types.LONG, Types.LONG, Types.DOUBLE, Types.DOUBLE,
                Types.DOUBLE, Types.DOUBLE);
        DataStream<Row> all;
        if (job.text("kind").equals("count")) {
            all = readings.countWindow(job.number("count")).process(new Summary<>(), type);
        } else {
            SingleOutputStreamOperator<Row> windows = readings.window(assigner(job)).allowedLateness(job.duration("revise"))
                    .sideOutputLateData(LATE).process(new Summary<>(), type);
            all = windows.union(windows.getSideOutput(LATE).map(late -> Row.of("late", 0L, 0L, 0L, 0., 0., 0., 0.), type));
        }
        long late = 0;
        try (CloseableIterator<Row> rows = all.executeAndCollect()) {
            while (rows.hasNext()) {
                Row row = rows.next();
                if (row.getField(0).equals("late")) {
                    late++;
                } else {
                    print(out, row);
                }
            }
        }
        return late;
    }

    static WindowAssigner<Object, TimeWindow> assigner(Job job) {
        switch (job.text("kind")) {
            case "tumbling":
                return TumblingEventTimeWindows.of(job.duration("size"), job.duration("offset"));
            case "hopping":
                return SlidingEventTimeWindows.of(job.duration("size"), job.duration("slide"), job.duration("offset"));
            case "session":
                return EventTimeSessionWindows.withGap(job.duration("gap"));
            default:
                throw new IllegalArgumentException(job.text("kind"));
        }
    }

    static String interval(long ms) {
        long seconds = ms / 1000;
        return String.format("INTERVAL '%d %02d:%02d:%02d.%03d' DAY TO SECOND(3)", seconds / 86_400, seconds / 3600 % 24,
                seconds / 60 % 60, seconds % 60, ms % 1000);
    }

    static String query(Job job) {
        String window;
        String offset = job.number("offset") == 0 ? "" : ", " + interval(job.number("offset"));
        switch (job.text("kind")) {
            case "tumbling":
                window = "TUMBLE(TABLE readings, DESCRIPTOR(rowtime), " + interval(job.number("size")) + offset + ")";
                break;
            case "hopping":
                window = "HOP(TABLE readings, DESCRIPTOR(rowtime), " + interval(job.number("slide")) + ", "
                        + interval(job.number("size")) + offset + ")";
                break;
            case "session":
                window = "SESSION(TABLE readings PARTITION BY series, DESCRIPTOR(rowtime), " + interval(job.number("gap")) + ")";
                break;
            default:
                throw new IllegalArgumentException(job.text("kind"));
        }
        return "SELECT series, window_start, window_end, COUNT(*), SUM(v), MIN(v), MAX(v), AVG(v) FROM " + window
                + " GROUP BY series, window_start, window_end";
    }

    static long sql(Job job, PrintWriter out) throws Exception {
        StreamExecutionEnvironment env = environment();
        if (job.text("api").equals("batch")) {
            env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        }
        StreamTableEnvironment tables = StreamTableEnvironment.create(env);
        tables.getConfig().set("table.local-time-zone", job.text("zone").isEmpty() ? "UTC" : job.text("zone"));
        // In two phases the first would drop nothing and the second count partial results instead of records.
        tables.getConfig().set("table.optimizer.agg-phase-strategy", "ONE_PHASE");
        // SQL's watermark is the expression itself, not 1 ms less as with bounded out-of-orderness.
        Schema schema = Schema.newBuilder().column("f0", DataTypes.STRING()).column("f1", DataTypes.BIGINT().notNull())
                .column("f2", DataTypes.DOUBLE().notNull()).columnByExpression("series", "f0").columnByExpression("v", "f2")
                .columnByExpression("rowtime", "TO_TIMESTAMP_LTZ(f1, 3)")
                .watermark("rowtime", "rowtime - " + interval(job.number("lateness") + 1)).build();
        tables.createTemporaryView("readings", env.fromData(job.readings(), READING), schema);
        LateRecords.forget();
        try (CloseableIterator<Row> rows = tables.executeSql(query(job)).collect()) {
            while (rows.hasNext()) {
                Row row = rows.next();
                row.setField(1, localMs((LocalDateTime) row.getField(1)));
                row.setField(2, localMs((LocalDateTime) row.getField(2)));
                print(out, row);
            }
        }
        return LateRecords.dropped();
    }

    /** Flink SQL gives a window's times as local date and time; as if UTC, so the reader can map them as it likes. */
    static long localMs(LocalDateTime time) {
        return time.toInstant(ZoneOffset.UTC).toEpochMilli();
    }

    static void print(PrintWriter out, Row row) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < row.getArity(); ++i) {
            line.append(i == 0 ? "" : ",").append(row.getField(i));
        }
        out.println(line);
    }

    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            Job job = new Job(line);
            try (PrintWriter out = new PrintWriter(job.text("output"))) {
                out.println("late," + (job.text("api").equals("datastream") ? dataStream(job, out) : sql(job, out)));
            }
        }
    }
}
