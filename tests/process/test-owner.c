/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a process belongs to, by its cgroup path. */
#include "user/owner.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
  const char *text, *unit, *container;
} cases[] = {
  { "0::/system.slice/redis-server.service\n", "redis-server.service", "" },
  { "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-term.scope\n", "app-term.scope", "" },
  { "12:pids:/x\n1:name=systemd:/system.slice/nginx.service\n0::/\n", "nginx.service", "" },
  { "0::/system.slice/docker-" ID ".scope\n", "", "0123456789ab" },
  { "0::/system.slice/docker-" ID ".scope/init.scope\n", "init.scope", "0123456789ab" },
  { "1:name=systemd:/docker/" ID "\n", "", "0123456789ab" },
  { "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n", "", "0123456789ab" },
  { "0::/machine.slice/machine-box.scope/payload/system.slice/cron.service\n", "cron.service", "box" },
  { "0::/\n", "", "" },
  { "", "", "" },
  { "garbage", "", "" },
};

static void
test_paths (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *unit = NULL, *container = NULL;
      lp_owner_parse_cgroup (cases[i].text, &unit, &container);
      g_assert_cmpstr (unit, ==, cases[i].unit);
      g_assert_cmpstr (container, ==, cases[i].container);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/owner/unit and container come from the cgroup path", test_paths);
  return g_test_run ();
}
