// SPDX-License-Identifier: Apache-2.0
// A Flink metric reporter that keeps the counters named numLateRecordsDropped: Flink SQL has no other word for a record it dropped
// as late. The reporter is created by Flink (META-INF/services); the counters are read when the job has ended.
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.metrics.MetricConfig;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.reporter.MetricReporter;
import org.apache.flink.metrics.reporter.MetricReporterFactory;

public class LateRecords implements MetricReporter {
    private static final ConcurrentLinkedQueue<Counter> COUNTERS = new ConcurrentLinkedQueue<>();

    public static class Factory implements MetricReporterFactory {
        @Override
        public MetricReporter createMetricReporter(Properties properties) {
            return new LateRecords();
        }
    }

    static void forget() {
        COUNTERS.clear();
    }

    /** Of all window operators since forget(); -1 when there was none, which must not look like "none were late". */
    static long dropped() {
        return COUNTERS.isEmpty() ? -1 : COUNTERS.stream().mapToLong(Counter::getCount).sum();
    }

    @Override
    public void open(MetricConfig config) {}

    @Override
    public void close() {}

    @Override
    public void notifyOfAddedMetric(Metric metric, String name, MetricGroup group) {
        if (name.equals("numLateRecordsDropped")) {
            COUNTERS.add((Counter) metric);
        }
    }

    @Override
    public void notifyOfRemovedMetric(Metric metric, String name, MetricGroup group) {}
}
