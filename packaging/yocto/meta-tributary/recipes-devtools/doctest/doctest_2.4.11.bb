# SPDX-License-Identifier: Apache-2.0
SUMMARY = "The fastest feature-rich C++ single-header testing framework"
DESCRIPTION = "doctest, for the unit tests of Tributary. Only headers and CMake files: nothing of it gets onto a device."
HOMEPAGE = "https://github.com/doctest/doctest"
BUGTRACKER = "https://github.com/doctest/doctest/issues"
SECTION = "devel"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE.txt;md5=e238ab5cb6e96cb11947e2644e4e8926"

SRC_URI = "git://github.com/doctest/doctest.git;protocol=https;branch=master;destsuffix=${BP}"
SRCREV = "ae7a13539fb71f270b87eb2e874fbac80bc8dda2"

inherit cmake

# CMake 4 refuses projects that ask for less than 3.5, as this one does.
EXTRA_OECMAKE = "\
    -DDOCTEST_WITH_TESTS=OFF \
    -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
"

ALLOW_EMPTY:${PN} = "1"

CVE_PRODUCT = "doctest"
