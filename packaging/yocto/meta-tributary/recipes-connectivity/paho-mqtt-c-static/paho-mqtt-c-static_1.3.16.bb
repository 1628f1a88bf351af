# SPDX-License-Identifier: Apache-2.0
require paho-mqtt-c-static.inc

SRCREV = "4a939ddb01eea581a32fd6f0adcfee51b91d2601"
