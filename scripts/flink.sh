#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The windows of a real Apache Flink against ours: runs the traces of tests/flink through Flink (in one JVM, no cluster, no
# network), checks that the results stored in tests/cases/flink are what it gives, and that the gateway gives the same.
#   flink.sh             compares
#   flink.sh --update    stores Flink's results first
set -euo pipefail
version=2.2.1
cd "$(dirname "$0")/.."
home=$PWD/build/flink

install() {
    [ -e "$home/installed-$version" ] && return
    mkdir -p "$home"
    {
        echo '<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>flink</artifactId>'
        echo '<version>1</version><packaging>pom</packaging><dependencies>'
        dependency() { echo "<dependency><groupId>org.apache.flink</groupId><artifactId>$1</artifactId><version>$version</version></dependency>"; }
        dependency flink-table-planner_2.12
        dependency flink-table-runtime
        dependency flink-table-api-java-bridge
        dependency flink-clients
        echo '</dependencies></project>'
    } > "$home/pom.xml"
    echo "flink: fetching the jars of $version"
    for attempt in 1 2 3; do
        if mvn -q -B -f "$home/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
            -DoutputDirectory="$home/libs" -DincludeScope=runtime </dev/null; then
            touch "$home/installed-$version"
            return
        fi
        sleep $((attempt * 5))
    done
    echo "flink: Maven could not fetch the jars" >&2
    return 1
}

install
services=$home/classes/META-INF/services
mkdir -p "$services"
echo 'LateRecords$Factory' > "$services/org.apache.flink.metrics.reporter.MetricReporterFactory"
javac -d "$home/classes" -cp "$home/libs/*" tests/flink/*.java
/usr/bin/python3 tests/flink/run.py "$home/classes:$home/libs/*" "$@"
TRIBUTARY_BIN=${TRIBUTARY_BIN:-$PWD/build/release/bin/tributary} \
    /usr/bin/python3 -m pytest tests/system/test_flink_golden.py -p no:cacheprovider -ra </dev/null
