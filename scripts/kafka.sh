#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One Apache Kafka broker (KRaft, no ZooKeeper) on loopback for tests and demonstrations.
#   kafka.sh install            fetches the jars with Maven into build/kafka/libs, once
#   kafka.sh run FOLDER PORT    runs a broker in the foreground with its data in FOLDER; PORT + 1 is the controller's;
#                               FOLDER/extra.properties is appended to its configuration
#   kafka.sh tool CLASS ...     runs one of Kafka's own command line tools
# KAFKA_VERSION: another one than the usual; KAFKA_CLUSTER_ID: that of brokers that belong together; KAFKA_JVM: options of
# the broker's java, by default its quick compiler alone: a start costs a third less, and most tests are over by the time
# the other one would pay. What measures sets it to nothing.
# `run` replaces itself by java: whoever started it owns the process, and ends it by its pid.
set -euo pipefail
version=${KAFKA_VERSION:-4.3.1}
home=$(cd "$(dirname "$0")/.." && pwd)/build/kafka
libs=$home/libs
[ "$version" = 4.3.1 ] || libs=$home/libs-$version
quick=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

install() {
    [ -e "$home/installed-$version" ] && return
    mkdir -p "$home"
    {
        echo '<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>kafka</artifactId>'
        echo '<version>1</version><packaging>pom</packaging><dependencies>'
        dependency() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }
        dependency org.apache.kafka kafka_2.13 $version
        dependency org.apache.kafka kafka-tools $version
        dependency org.apache.logging.log4j log4j-core 2.24.3
        dependency org.apache.logging.log4j log4j-slf4j-impl 2.24.3
        dependency org.apache.logging.log4j log4j-1.2-api 2.24.3
        echo '</dependencies></project>'
    } > "$home/pom.xml"
    echo "kafka: fetching the jars of $version"
    for attempt in 1 2 3; do
        if mvn -q -B -f "$home/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
            -DoutputDirectory="$libs" -DincludeScope=runtime </dev/null; then
            touch "$home/installed-$version"
            return
        fi
        sleep $((attempt * 5))
    done
    echo "kafka: Maven could not fetch the jars" >&2
    return 1
}

run() {
    local folder=$1 port=$2
    mkdir -p "$folder"
    cat > "$folder/log4j2.properties" <<END
status = warn
appender.file.type = File
appender.file.name = F
appender.file.fileName = $folder/server.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.f.ref = F
END
    # Retention off: tests send stamps of ten years ago, which a broker would delete as old.
    cat > "$folder/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
log.retention.ms=-1
log.segment.bytes=134217728
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2500
END
    # The later of two lines of one name counts.
    [ ! -e "$folder/extra.properties" ] || cat "$folder/extra.properties" >> "$folder/server.properties"
    local class_path="$folder:$libs/*"
    if [ ! -e "$folder/data/meta.properties" ]; then
        local id=${KAFKA_CLUSTER_ID:-}
        [ -n "$id" ] || id=A$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d = | cut -c 2-) # never a dash in front
        java -Xmx128m "${quick[@]}" -cp "$class_path" kafka.tools.StorageTool format -t "$id" -c "$folder/server.properties" > "$folder/format.log" 2>&1 ||
            { tail -5 "$folder/format.log" >&2; return 1; }
    fi
    exec java -Xms256m -Xmx512m ${KAFKA_JVM-${quick[0]}} -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$folder/log4j2.properties" -cp "$class_path" kafka.Kafka "$folder/server.properties" \
        > "$folder/stdout.log" 2>&1 < /dev/null
}

case "${1:-}" in
install) install ;;
run) run "${2:?folder}" "${3:?port}" ;;
tool) shift && exec java -Xmx128m "${quick[@]}" -cp "$libs/*" "$@" ;;
*)
    sed -n '3,11p' "$0" >&2
    exit 2
    ;;
esac
