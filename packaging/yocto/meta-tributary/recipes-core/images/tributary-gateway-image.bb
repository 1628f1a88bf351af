# SPDX-License-Identifier: Apache-2.0
SUMMARY = "A gateway box: read-only system, Tributary's data on a partition of its own"
DESCRIPTION = "Power may go at any time: what is written is the store, on a file system labelled TRIBUTARY_DATA_LABEL."
LICENSE = "Apache-2.0"

inherit core-image

IMAGE_FEATURES += "read-only-rootfs ssh-server-openssh"
CORE_IMAGE_EXTRA_INSTALL += "packagegroup-tributary"

TRIBUTARY_DATA_LABEL ?= "tributary-data"

# Without that partition the box still boots, and the gateway says what is wrong.
# nooelint: oelint.task.docstrings - not a task
tributary_data_partition() {
    echo "LABEL=${TRIBUTARY_DATA_LABEL} ${localstatedir}/lib/tributary ext4 noatime,nofail,x-systemd.device-timeout=30s 0 2" \
        >> ${IMAGE_ROOTFS}${sysconfdir}/fstab
    install -d ${IMAGE_ROOTFS}${localstatedir}/lib/tributary
}
ROOTFS_POSTPROCESS_COMMAND += "tributary_data_partition;"
