# SPDX-License-Identifier: Apache-2.0
SUMMARY = "Tributary and what a gateway needs around it"
DESCRIPTION = "The gateway, a broker on the same box where meta-networking is at hand, time, certificates and time zones."
LICENSE = "Apache-2.0"

inherit packagegroup

RDEPENDS:${PN} = "tributary"
RRECOMMENDS:${PN} = "\
    ca-certificates \
    tzdata \
    ${@bb.utils.contains('BBFILE_COLLECTIONS', 'networking-layer', 'chrony mosquitto', '', d)} \
"
