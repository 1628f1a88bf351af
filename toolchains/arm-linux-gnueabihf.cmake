# SPDX-License-Identifier: Apache-2.0
# Debian armhf (ARMv7, VFPv3-D16, no NEON): BeagleBone Black, 32-bit systems on a Raspberry Pi 2 and newer.
set(TRIBUTARY_TRIPLET arm-linux-gnueabihf)
set(TRIBUTARY_PROCESSOR armv7l)
set(TRIBUTARY_QEMU qemu-arm-static)
set(TRIBUTARY_QEMU_CPU cortex-a8)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
