# SPDX-License-Identifier: Apache-2.0
"""`bitbake -c testimage`: the gateway runs on the booted image."""
from oeqa.core.decorator.depends import OETestDepends
from oeqa.runtime.case import OERuntimeTestCase
from oeqa.runtime.decorator.package import OEHasPackage


class TributaryTest(OERuntimeTestCase):
    def on_target(self, command):
        status, output = self.target.run(command)
        self.assertEqual(status, 0, msg=f"{command}: {output}")
        return output

    @OETestDepends(["ssh.SSHTest.test_ssh"])
    @OEHasPackage(["tributary"])
    def test_configuration_is_good(self):
        self.on_target("tributary check")

    @OETestDepends(["tributary.TributaryTest.test_configuration_is_good"])
    def test_service_is_active_and_answers(self):
        self.on_target("systemctl is-active tributary.service")
        self.assertIn("ledger", self.on_target("tributary status --json"))
