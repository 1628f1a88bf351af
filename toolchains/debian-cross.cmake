# SPDX-License-Identifier: Apache-2.0
# Shared by the short files beside it, which set TRIBUTARY_TRIPLET, TRIBUTARY_PROCESSOR, TRIBUTARY_QEMU and TRIBUTARY_QEMU_CPU:
# Debian's cross compiler of that triplet, on a sysroot of sysroot.sh. Nothing of the host's libraries or headers is seen.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${TRIBUTARY_PROCESSOR})
set(CMAKE_C_COMPILER ${TRIBUTARY_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${TRIBUTARY_TRIPLET}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${TRIBUTARY_TRIPLET})

# try_compile() reads this file again, in a project of its own.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TRIBUTARY_SYSROOT)
if(NOT EXISTS "${TRIBUTARY_SYSROOT}/usr/include")
    message(FATAL_ERROR "no sysroot in '${TRIBUTARY_SYSROOT}' (-DTRIBUTARY_SYSROOT=...): make one with toolchains/sysroot.sh")
endif()
set(CMAKE_SYSROOT ${TRIBUTARY_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/${TRIBUTARY_TRIPLET}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# ctest runs what was built on the weakest core that is promised. -L: the dynamic linker and libraries of the sysroot.
set(CMAKE_CROSSCOMPILING_EMULATOR ${TRIBUTARY_QEMU} -cpu ${TRIBUTARY_QEMU_CPU} -L ${CMAKE_SYSROOT})
