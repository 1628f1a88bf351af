# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Prometheus metrics for C++"
DESCRIPTION = "Its core alone: counters, gauges and the exposition format, without a web server or a push gateway."
HOMEPAGE = "https://github.com/jupp0r/prometheus-cpp"
BUGTRACKER = "https://github.com/jupp0r/prometheus-cpp/issues"
SECTION = "libs"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE;md5=f203962b7b283e1e356c14312b4f6211"

SRC_URI = "git://github.com/jupp0r/prometheus-cpp.git;protocol=https;branch=master;destsuffix=${BP}"
SRCREV = "76470b3ec024c8214e1f4253fb1f4c0b28d3df94"

inherit cmake

EXTRA_OECMAKE = "\
    -DBUILD_SHARED_LIBS=ON \
    -DENABLE_PULL=OFF \
    -DENABLE_PUSH=OFF \
    -DENABLE_COMPRESSION=OFF \
    -DENABLE_TESTING=OFF \
"

CVE_PRODUCT = "prometheus-cpp"
