package main

import "math"

// mostDescriptors: Windows has no limit that matters here.
func maxDescriptors() int { return math.MaxInt32 }
