//! How fast instance types are on AWS: their bandwidth to volumes and to each other, and their clocks.
//!
//! Owns what DescribeInstanceTypes says of that. Refuses to make it so: nothing here slows an instance down. The numbers
//! for volumes are from <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ebs-optimized.html>, the others from
//! <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html>. For the Intel families of the eighth
//! generation they are those of the same sizes of the sixth and seventh.

/// How fast an instance reaches its volumes, in Mbit/s and operations per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EbsPerformance {
    /// The bandwidth that it always has.
    pub baseline_mbps: u32,
    /// The bandwidth that it can have for half an hour a day.
    pub maximum_mbps: u32,
    /// The operations that it can always do.
    pub baseline_iops: u32,
    /// The operations that it can do for half an hour a day.
    pub maximum_iops: u32,
}

/// One size: its name, the bandwidths and the operations.
type Row = (&'static str, u32, u32, u32, u32);

/// A size whose performance is always the same.
const fn steady(size: &'static str, mbps: u32, iops: u32) -> Row {
    (size, mbps, mbps, iops, iops)
}

const T3: &[Row] = &[
    ("nano", 43, 2085, 250, 11800),
    ("micro", 87, 2085, 500, 11800),
    ("small", 174, 2085, 1000, 11800),
    ("medium", 347, 2085, 2000, 11800),
    ("large", 695, 2780, 4000, 15700),
    ("xlarge", 695, 2780, 4000, 15700),
    ("2xlarge", 695, 2780, 4000, 15700),
];
const T3A: &[Row] = &[
    ("nano", 45, 2085, 250, 11800),
    ("micro", 90, 2085, 500, 11800),
    ("small", 175, 2085, 1000, 11800),
    ("medium", 350, 2085, 2000, 11800),
    ("large", 695, 2780, 4000, 15700),
    ("xlarge", 695, 2780, 4000, 15700),
    ("2xlarge", 695, 2780, 4000, 15700),
];
const T4G: &[Row] = &[
    ("nano", 32, 2606, 250, 11800),
    ("micro", 64, 2606, 500, 11800),
    ("small", 128, 2606, 1000, 11800),
    ("medium", 256, 2606, 2000, 11800),
    ("large", 512, 3475, 4000, 15700),
    ("xlarge", 1024, 3475, 4000, 15700),
    ("2xlarge", 2048, 3475, 4000, 15700),
];
const M1: &[Row] = &[steady("large", 500, 4000), steady("xlarge", 1000, 8000)];
const M3: &[Row] = &[steady("xlarge", 500, 4000), steady("2xlarge", 1000, 8000)];
const M4: &[Row] = &[
    steady("large", 450, 3600),
    steady("xlarge", 750, 6000),
    steady("2xlarge", 1000, 8000),
    steady("4xlarge", 2000, 16000),
    steady("10xlarge", 4000, 32000),
    steady("16xlarge", 10000, 65000),
];
const C4: &[Row] = &[
    steady("large", 500, 4000),
    steady("xlarge", 750, 6000),
    steady("2xlarge", 1000, 8000),
    steady("4xlarge", 2000, 16000),
    steady("8xlarge", 4000, 32000),
];
const R4: &[Row] = &[
    steady("large", 425, 3000),
    steady("xlarge", 850, 6000),
    steady("2xlarge", 1700, 12000),
    steady("4xlarge", 3500, 18750),
    steady("8xlarge", 7000, 37500),
    steady("16xlarge", 14000, 75000),
];
const M5: &[Row] = &[
    ("large", 650, 4750, 3600, 18750),
    ("xlarge", 1150, 4750, 6000, 18750),
    ("2xlarge", 2300, 4750, 12000, 18750),
    steady("4xlarge", 4750, 18750),
    steady("8xlarge", 6800, 30000),
    steady("12xlarge", 9500, 40000),
    steady("16xlarge", 13600, 60000),
    steady("24xlarge", 19000, 80000),
];
const M5A: &[Row] = &[
    ("large", 650, 2880, 3600, 16000),
    ("xlarge", 1085, 2880, 6000, 16000),
    ("2xlarge", 1580, 2880, 8333, 16000),
    steady("4xlarge", 2880, 16000),
    steady("8xlarge", 4750, 20000),
    steady("12xlarge", 6780, 30000),
    steady("16xlarge", 9500, 40000),
    steady("24xlarge", 13570, 60000),
];
const C5: &[Row] = &[
    ("large", 650, 4750, 4000, 20000),
    ("xlarge", 1150, 4750, 6000, 20000),
    ("2xlarge", 2300, 4750, 10000, 20000),
    steady("4xlarge", 4750, 20000),
    steady("9xlarge", 9500, 40000),
    steady("12xlarge", 9500, 40000),
    steady("18xlarge", 19000, 80000),
    steady("24xlarge", 19000, 80000),
];
const C5A: &[Row] = &[
    ("large", 200, 3170, 800, 13300),
    ("xlarge", 400, 3170, 1600, 13300),
    ("2xlarge", 800, 3170, 3200, 13300),
    ("4xlarge", 1580, 3170, 6600, 13300),
    steady("8xlarge", 3170, 13300),
    steady("12xlarge", 4750, 20000),
    steady("16xlarge", 6300, 26700),
    steady("24xlarge", 9500, 40000),
];
const OF_6TH: &[Row] = &[
    ("medium", 325, 10000, 2500, 40000),
    ("large", 650, 10000, 3600, 40000),
    ("xlarge", 1250, 10000, 6000, 40000),
    ("2xlarge", 2500, 10000, 12000, 40000),
    ("4xlarge", 5000, 10000, 20000, 40000),
    steady("8xlarge", 10000, 40000),
    steady("12xlarge", 15000, 60000),
    steady("16xlarge", 20000, 80000),
    steady("24xlarge", 30000, 120_000),
    steady("32xlarge", 40000, 160_000),
    steady("48xlarge", 40000, 240_000),
    steady("96xlarge", 80000, 480_000),
];
const FLEX: &[Row] = &[
    ("large", 312, 10000, 2500, 40000),
    ("xlarge", 625, 10000, 3600, 40000),
    ("2xlarge", 1250, 10000, 6000, 40000),
    ("4xlarge", 2500, 10000, 12000, 40000),
    ("8xlarge", 5000, 10000, 20000, 40000),
    ("12xlarge", 7500, 15000, 30000, 60000),
    ("16xlarge", 10000, 20000, 40000, 80000),
];
const GRAVITON_2: &[Row] = &[
    ("medium", 315, 4750, 2500, 20000),
    ("large", 630, 4750, 3600, 20000),
    ("xlarge", 1188, 4750, 6000, 20000),
    ("2xlarge", 2375, 4750, 12000, 20000),
    steady("4xlarge", 4750, 20000),
    steady("8xlarge", 9500, 40000),
    steady("12xlarge", 14250, 50000),
    steady("16xlarge", 19000, 80000),
];
const GRAVITON_3: &[Row] = &[
    ("medium", 315, 10000, 2500, 40000),
    ("large", 630, 10000, 3600, 40000),
    ("xlarge", 1250, 10000, 6000, 40000),
    ("2xlarge", 2500, 10000, 12000, 40000),
    ("4xlarge", 5000, 10000, 20000, 40000),
    steady("8xlarge", 10000, 40000),
    steady("12xlarge", 15000, 60000),
    steady("16xlarge", 20000, 80000),
];

/// How fast instances of a type reach their volumes; `None` for types without a bandwidth of their own for that.
pub(super) fn of_volumes(family: &str, size: &str) -> Option<EbsPerformance> {
    let rows = match family {
        "t3" => T3,
        "t3a" => T3A,
        "t4g" => T4G,
        "m1" => M1,
        "m3" => M3,
        "m4" => M4,
        "c4" => C4,
        "r4" => R4,
        "m5" | "m5n" | "r5" => M5,
        "m5a" | "r5a" => M5A,
        "c5" | "c5n" => C5,
        "c5a" => C5A,
        "m7i-flex" => FLEX,
        "m6g" | "c6g" | "r6g" => GRAVITON_2,
        "m7g" | "c7g" | "r7g" => GRAVITON_3,
        "t1" | "t2" => return None,
        _ => OF_6TH,
    };
    rows.iter().find(|(name, ..)| *name == size).map(
        |(_, baseline_mbps, maximum_mbps, baseline_iops, maximum_iops)| EbsPerformance {
            baseline_mbps: *baseline_mbps,
            maximum_mbps: *maximum_mbps,
            baseline_iops: *baseline_iops,
            maximum_iops: *maximum_iops,
        },
    )
}

/// How fast the network of an instance is, in AWS's words.
#[rustfmt::skip]
pub(super) fn of_network(family: &str, size: &str) -> &'static str {
    match (family, size) {
        ("t1", _) => "Very Low",
        ("t2", _) => "Low to Moderate",
        ("t3" | "t3a" | "t4g", _) => "Up to 5 Gigabit",
        ("m1", "small") => "Low",
        ("m1", "xlarge") | ("m3", "xlarge" | "2xlarge") | ("m4" | "c4", "xlarge" | "2xlarge" | "4xlarge") => "High",
        ("m1" | "m3", _) | ("m4" | "c4", "large") => "Moderate",
        ("m4", "10xlarge") | ("c4" | "r4", "8xlarge") => "10 Gigabit",
        ("m4" | "r4", "16xlarge") => "25 Gigabit",
        ("m5n", "8xlarge") => "25 Gigabit",
        ("m5n", "12xlarge") => "50 Gigabit",
        ("m5n", "16xlarge") => "75 Gigabit",
        ("m5n", "24xlarge") => "100 Gigabit",
        ("c5n", "9xlarge") => "50 Gigabit",
        ("c5n", "18xlarge") => "100 Gigabit",
        ("m5n" | "c5n", _) => "Up to 25 Gigabit",
        ("m5" | "r5" | "c5a", "8xlarge") | ("m5a" | "r5a", "12xlarge") => "10 Gigabit",
        ("m5" | "r5" | "c5" | "c5a", "12xlarge") | ("c5", "9xlarge") | ("m5a" | "r5a", "16xlarge") => "12 Gigabit",
        ("m5" | "r5" | "c5a", "16xlarge") | ("m5a" | "r5a" | "c5a", "24xlarge") => "20 Gigabit",
        ("m5" | "r5" | "c5", "24xlarge") | ("c5", "18xlarge") => "25 Gigabit",
        ("m6g" | "c6g" | "r6g", "8xlarge") => "12 Gigabit",
        ("m6g" | "c6g" | "r6g", "12xlarge") => "20 Gigabit",
        ("m6g" | "c6g" | "r6g", "16xlarge") => "25 Gigabit",
        ("r4" | "m5" | "r5" | "m5a" | "r5a" | "c5" | "c5a" | "m6g" | "c6g" | "r6g", _) => "Up to 10 Gigabit",
        ("m7g" | "c7g" | "r7g", "4xlarge") => "Up to 15 Gigabit",
        ("m7g" | "c7g" | "r7g", "8xlarge") => "15 Gigabit",
        ("m7g" | "c7g" | "r7g", "12xlarge") => "22.5 Gigabit",
        ("m7g" | "c7g" | "r7g", "16xlarge") => "30 Gigabit",
        ("m7i-flex", "12xlarge") => "Up to 18.75 Gigabit",
        ("m7i-flex", "16xlarge") => "Up to 25 Gigabit",
        (family, "8xlarge") if family != "m7i-flex" => "12.5 Gigabit",
        (_, "12xlarge") => "18.75 Gigabit",
        (_, "16xlarge") => "25 Gigabit",
        (_, "24xlarge") => "37.5 Gigabit",
        (_, "32xlarge" | "48xlarge") => "50 Gigabit",
        (_, "96xlarge") => "100 Gigabit",
        _ => "Up to 12.5 Gigabit",
    }
}

/// The clock that all cores of a family can keep, in MHz; `None` where AWS names none.
pub(super) fn clock_mhz(family: &str) -> Option<u32> {
    let mhz = match family {
        "t1" | "m1" => return None,
        "t2" | "t3" | "t4g" | "m3" | "m5a" | "r5a" | "m6g" | "c6g" | "r6g" => 2500,
        "t3a" => 2200,
        "m4" => 2400,
        "c4" => 2900,
        "r4" => 2300,
        "m5" | "m5n" | "r5" => 3100,
        "c5" | "c5n" => 3400,
        "c5a" => 3300,
        "m6a" | "c6a" | "r6a" => 3600,
        "m6i" | "c6i" | "r6i" => 3500,
        "m7a" | "c7a" => 3700,
        "m7i" | "m7i-flex" | "c7i" | "r7i" => 3200,
        "m7g" | "c7g" | "r7g" => 2600,
        _ => 3900,
    };
    Some(mhz)
}

/// Who makes the processors of a family.
pub(super) fn manufacturer(family: &str, architecture: &str) -> &'static str {
    match architecture {
        "arm64" => "AWS",
        _ if family.ends_with('a') => "AMD",
        _ => "Intel",
    }
}
