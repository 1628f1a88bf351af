# SPDX-License-Identifier: Apache-2.0
require paho-mqtt-c-static.inc

SRCREV = "07a875788d8cc6f5833b12581d6e3e349b34d719"
