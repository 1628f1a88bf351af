# SPDX-License-Identifier: Apache-2.0
SUMMARY = "C++ dates and time zones by Howard Hinnant"
DESCRIPTION = "The time zone part is what Tributary uses: it reads the zones that tzdata installs."
HOMEPAGE = "https://github.com/HowardHinnant/date"
BUGTRACKER = "https://github.com/HowardHinnant/date/issues"
SECTION = "libs"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE.txt;md5=b5d973344b3c7bbf7535f0e6e002d017"

SRC_URI = "git://github.com/HowardHinnant/date.git;protocol=https;branch=master;destsuffix=${BP}"
SRCREV = "6e921e1b1d21e84a5c82416ba7ecd98e33a436d0"

inherit cmake

EXTRA_OECMAKE = "\
    -DBUILD_SHARED_LIBS=ON \
    -DBUILD_TZ_LIB=ON \
    -DUSE_SYSTEM_TZ_DB=ON \
    -DENABLE_DATE_TESTING=OFF \
"

RDEPENDS:${PN} = "tzdata-core"

CVE_PRODUCT = "howardhinnant:date"
