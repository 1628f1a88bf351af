# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Edge gateway from MQTT to Apache Kafka"
DESCRIPTION = "Makes each sensor message safe on disk before it acknowledges it, thins data out, and replicates to Kafka."
SECTION = "net"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

DEPENDS = "\
    cli11 \
    curl \
    fmt \
    howardhinnant-date \
    librdkafka \
    nlohmann-json \
    openssl \
    paho-mqtt-c \
    paho-mqtt-c-static \
    paho-mqtt-cpp \
    prometheus-cpp \
    spdlog \
    sqlite3 \
    systemd \
    tomlplusplus \
    zstd \
"

# The commit of the repository that this layer stands in. For another one: TRIBUTARY_GIT = "host/path.git;protocol=https" and SRCREV.
TRIBUTARY_GIT ?= "${@tributary_tree(d)};protocol=file"
SRC_URI = "\
    git://${TRIBUTARY_GIT};nobranch=1;destsuffix=${BP} \
    file://run-ptest \
"
SRCREV ?= "${@tributary_head(d)}"
# nooelint: oelint.vars.mispell.unknown - what is checked out may have changed since the recipe was last read.
BB_DONT_CACHE = "1"

inherit cmake pkgconfig systemd useradd ptest bash-completion features_check

REQUIRED_DISTRO_FEATURES = "systemd"

PACKAGECONFIG ??= "fast-path ${@bb.utils.contains('PTEST_ENABLED', '1', 'tests', '', d)}"
PACKAGECONFIG[fast-path] = "-DTRIBUTARY_PAHO_FAST_PATH=ON,-DTRIBUTARY_PAHO_FAST_PATH=OFF"
PACKAGECONFIG[onnx] = "-DTRIBUTARY_ONNX=ON,-DTRIBUTARY_ONNX=OFF,onnxruntime"
PACKAGECONFIG[tests] = "-DTRIBUTARY_TESTS=ON -DTRIBUTARY_TEST_DATA=${PTEST_PATH},-DTRIBUTARY_TESTS=OFF,doctest"

# The compiler of the series is another one than the warnings were cleared with.
EXTRA_OECMAKE = "-DTRIBUTARY_WERROR=OFF"

SYSTEMD_SERVICE:${PN} = "tributary.service"

USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --user-group --no-create-home --home-dir ${localstatedir}/lib/tributary --shell ${base_sbindir}/nologin tributary"

do_install_ptest() {
    install -d ${D}${PTEST_PATH}
    install -m 0755 ${B}/bin/*_test ${D}${PTEST_PATH}/
    # What the tests read, at its place in the source tree.
    cd ${S}
    find boards tests/cases tests/*/golden docs/*.md -type f -exec install -D -m 0644 {} ${D}${PTEST_PATH}/{} \;
}

PACKAGES =+ "${PN}-fish-completion ${PN}-zsh-completion"
FILES:${PN} += "\
    ${nonarch_libdir}/sysusers.d \
    ${nonarch_libdir}/tmpfiles.d \
    ${systemd_system_unitdir}/tributary-clock.service \
    ${systemd_system_unitdir}/tributary@.service \
"
# nooelint: oelint.var.filesoverride - packages of our own
FILES:${PN}-fish-completion = "${datadir}/fish"
# nooelint: oelint.var.filesoverride
FILES:${PN}-zsh-completion = "${datadir}/zsh"

CONFFILES:${PN} = "${sysconfdir}/tributary/tributary.toml"

RDEPENDS:${PN} += "tzdata-core"
RRECOMMENDS:${PN} += "\
    ca-certificates \
    tzdata \
"

CVE_PRODUCT = "tributary"

def tributary_tree(d):
    return os.path.realpath(os.path.join(d.getVar('THISDIR'), *['..'] * 5))

def tributary_head(d):
    return bb.process.run(['git', '-C', tributary_tree(d), 'rev-parse', 'HEAD'])[0].strip()
