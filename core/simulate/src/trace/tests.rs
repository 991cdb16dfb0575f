use super::*;

fn file<'a>(name: &'a str, text: &'a str) -> File<'a> {
    File { name, text }
}

fn read(files: &[File]) -> Result<Trace, TraceError> {
    Trace::read(files, Defaults::default())
}

const CALLS: &str = "func_name,invoke_time_ms\na,6\nb,51\na,20\n";
const FUNCTIONS: &str =
    "func_name,cold_dur_ms,warm_dur_ms,mem_mb,mean_iat\na,1582,34,37,548.0\nb,2605,122,40,7443.18\n";

#[test]
fn iluvatar_calls_have_their_functions_times() {
    let trace = read(&[file("metadata.csv", FUNCTIONS), file("trace.csv", CALLS)]).unwrap();
    let workload = trace.workload();
    assert_eq!(workload.functions[0].cold_ms, 1582 - 34);
    assert_eq!(workload.functions[1].memory_mb, 40);
    assert_eq!((workload.requests, workload.span_ms), (Some(3), 52));
    let calls: Vec<_> = workload.arrivals.map(|call| (call.at_ms, call.function, call.duration_ms)).collect();
    assert_eq!(calls, [(6, 0, 34), (20, 0, 34), (51, 1, 122)]);
    // Without the table there are the defaults.
    let alone = read(&[file("trace.csv", CALLS)]).unwrap().workload();
    assert_eq!(alone.functions[1].memory_mb, Defaults::default().memory_mb);
}

#[test]
fn errors_name_file_line_and_value() {
    let say = |text: &str| read(&[file("t.csv", text), file("m.csv", FUNCTIONS)]).unwrap_err().to_string();
    assert_eq!(
        say("func_name,invoke_time_ms\na,6\na,soon\n"),
        "t.csv:3: invoke_time_ms 'soon' is not a number from 0 on"
    );
    assert_eq!(say("func_name,invoke_time_ms\na,-1\n"), "t.csv:2: invoke_time_ms '-1' is not a number from 0 on");
    assert_eq!(say("func_name,invoke_time_ms\na\n"), "t.csv:2: 1 values where the first line names 2 columns");
    assert_eq!(say("func_name,invoke_time_ms\nz,1\n"), "t.csv:2: the table of functions has no 'z'");
    assert_eq!(say("func_name,invoke_time_ms\na,1e300\n"), "t.csv:2: invoke_time_ms '1e300' is too far away");
    assert_eq!(say("invoke_time_ms\n1\n"), "t.csv:1: no column func_name; the columns are invoke_time_ms");
    assert!(read(&[file("x.csv", "a,b\n")]).unwrap_err().to_string().contains("no file of calls"));
}

#[test]
fn azure_2021_calls_begin_before_they_end() {
    let text = "app,func,end_timestamp,duration\naa,f,10.0,9.000\nbb,f,11.5,0.25\naa,f,2.0,5.0\n";
    let workload = read(&[file("2021.csv", text)]).unwrap().workload();
    assert_eq!(workload.functions.len(), 2);
    let calls: Vec<_> = workload.arrivals.map(|call| (call.at_ms, call.function, call.duration_ms)).collect();
    assert_eq!(calls, [(0, 0, 5_000), (1_000, 0, 9_000), (11_250, 1, 250)]);
}

const DAY: &str = "HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f,http,5,0,2\no,a,t,timer,2,1,0\n";
const DURATIONS: &str = "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\no,a,f,100.0,5,99,101,90,95,98,100,101,110,120\no,x,y,1,1,1,1,1,1,1,1,1,1,1\n";
const MEMORY: &str = "HashOwner,HashApp,SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct100\no,a,12,120.0,152.5\n";

#[test]
fn azure_2019_counts_become_calls_within_their_minutes() {
    let files = [file("d02", DAY), file("d01", DAY), file("durations", DURATIONS), file("memory", MEMORY)];
    let trace = read(&files).unwrap();
    let workload = trace.workload();
    assert_eq!(workload.span_ms, 6 * 60_000);
    assert_eq!(workload.requests, Some(20));
    assert!(workload.functions.iter().all(|function| function.memory_mb == 153));
    assert!(workload.functions[0].http && !workload.functions[1].http);
    let calls: Vec<_> = workload.arrivals.collect();
    assert_eq!(calls.len(), 20);
    assert!(calls.is_sorted_by_key(|call| call.at_ms));
    let of = |function: u32, minute: u64| {
        calls.iter().filter(move |call| call.function == function && call.at_ms / 60_000 == minute)
    };
    assert_eq!([of(0, 0).count(), of(0, 1).count(), of(0, 2).count(), of(0, 3).count()], [5, 0, 2, 5]);
    assert_eq!(of(1, 0).map(|call| call.at_ms).collect::<Vec<_>>(), [0, 30_000]);
    assert!(of(0, 0).all(|call| (90..=120).contains(&call.duration_ms)));
    assert!(of(1, 0).all(|call| call.duration_ms == Defaults::default().duration_ms));
    assert_eq!(trace.workload().arrivals.collect::<Vec<_>>(), calls, "the same every time");
    let bad = read(&[file("day", &DAY.replace("timer,2", "timer,two"))]).unwrap_err();
    assert_eq!(bad.to_string(), "day:3: 1 'two' is not a number from 0 on");
}

#[test]
fn two_recordings_are_not_one() {
    let (year, other) = ("app,func,end_timestamp,duration\na,f,1.0,0.5\n", file("a-2019.csv", DAY));
    let say = |files: &[File]| read(files).unwrap_err().to_string();
    let both = say(&[file("b-2021.csv", year), other, file("durations.csv", DURATIONS)]);
    assert!(both.starts_with("a-2019.csv: b-2021.csv holds calls too"), "{both}");
    let twice = say(&[file("x.csv", CALLS), file("y.csv", CALLS), file("m.csv", FUNCTIONS)]);
    assert!(twice.starts_with("x.csv: y.csv holds calls too"), "{twice}");
    assert!(read(&[file("d1", DAY), file("d2", DAY)]).is_ok());
}

/// The shared samples, where they are there.
#[test]
fn the_shared_samples_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    let load = |names: &[&str]| -> Option<Trace> {
        let texts: Vec<String> =
            names.iter().map(|name| std::fs::read_to_string(folder.join(name)).ok()).collect::<Option<_>>()?;
        let files: Vec<File> = names.iter().zip(&texts).map(|(name, text)| File { name, text }).collect();
        Some(read(&files).unwrap())
    };
    let Some(trace) = load(&["iluvatar-5min/trace.csv", "iluvatar-5min/metadata-trace.csv"]) else { return };
    let workload = trace.workload();
    assert_eq!((workload.requests, workload.functions.len()), (Some(11_868), 21));
    let minutes =
        load(&["invitro-format/invocations.csv", "invitro-format/durations.csv", "invitro-format/memory.csv"]);
    let workload = minutes.unwrap().workload();
    assert_eq!(workload.functions.len(), 4);
    assert_eq!(workload.arrivals.count() as u64, workload.requests.unwrap());
    assert_eq!(load(&["invitro-format/Azure2021_30.csv"]).unwrap().workload().requests, Some(29));
}
