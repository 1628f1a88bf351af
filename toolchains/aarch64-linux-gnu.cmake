# SPDX-License-Identifier: Apache-2.0
# Debian arm64: Raspberry Pi Zero 2 W, 3B+, 4B, 5, CM4, Revolution Pi Connect 4, SIMATIC IOT2050.
set(TRIBUTARY_TRIPLET aarch64-linux-gnu)
set(TRIBUTARY_PROCESSOR aarch64)
set(TRIBUTARY_QEMU qemu-aarch64-static)
set(TRIBUTARY_QEMU_CPU cortex-a53)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
