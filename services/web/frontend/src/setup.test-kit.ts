// Before each file of tests.

import { configure } from "@testing-library/react";

// For a machine that has much else to do.
configure({ asyncUtilTimeout: 30_000 });
