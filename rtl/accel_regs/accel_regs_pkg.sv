// accel_regs_pkg: what accel_regs and the sequencer tell each other. The enums are those of accel_regs.rdl (a test compares them);
// docs/registers.md says what their values mean.
package accel_regs_pkg;
  localparam int unsigned Units = 10;  // that can have the turn: UnitIdle to UnitControl
  localparam int unsigned Classes = 7;  // of memory ports
  localparam int unsigned EndTokens = 4;

  typedef enum logic [7:0] {
    CauseNone             = 8'd0,
    CauseImageVersion     = 8'd1,
    CauseImageHash        = 8'd2,
    CauseBadDescriptor    = 8'd3,
    CauseUnknownOperation = 8'd4,
    CauseContextFull      = 8'd5,
    CauseSlaveError       = 8'd6,
    CauseDecodeError      = 8'd7,
    CauseAxiProtocol      = 8'd8,
    CauseLinearPacket     = 8'd9,
    CauseWatchdog         = 8'd10,
    CausePromptEmpty      = 8'd11,
    CausePromptToken      = 8'd12
  } cause_e;

  typedef enum logic [7:0] {
    UnitIdle        = 8'd0,
    UnitEmbed       = 8'd1,
    UnitNorm        = 8'd2,
    UnitRope        = 8'd3,
    UnitLinearSynth = 8'd4,
    UnitLinearCovq  = 8'd5,
    UnitAttention   = 8'd6,
    UnitSwiglu      = 8'd7,
    UnitSampler     = 8'd8,
    UnitControl     = 8'd9,
    UnitPort        = 8'd64  // + the slice, as the unit of an error only
  } unit_e;

  typedef enum logic [2:0] {
    EndedNone      = 3'd0,
    EndedCount     = 3'd1,
    EndedEndToken  = 3'd2,
    EndedCacheFull = 3'd3,
    EndedAbort     = 3'd4
  } ended_e;

  typedef enum logic [2:0] {
    ClassStreams   = 3'd0,
    ClassKvRead    = 3'd1,
    ClassKvWrite   = 3'd2,
    ClassCodebooks = 3'd3,
    ClassPackets   = 3'd4,
    ClassRows      = 3'd5,
    ClassAuxiliary = 3'd6
  } class_e;

  typedef struct packed {
    logic        valid;
    logic [30:0] token;
  } end_token_t;

  // To the sequencer. Everything but the first six is stable from start to the end of the run.
  typedef struct packed {
    logic                       start;          // one cycle: a run begins, at the sequencer's own position
    logic                       abort_run;      // held until the run ends: end it after the token at work
    logic                       clear;          // one cycle: forget everything, position 0; status.idle falls until no read is in flight
    logic                       seek;           // one cycle, between runs: the position becomes `position`
    logic [31:0]                position;       // with seek
    logic                       watchdog;       // held until clear: the run has failed for want of progress
    logic [31:0]                prompt_tokens;  // that the prompt stream has for this run; 0: an error, CausePromptEmpty
    logic [63:0]                image;          // byte address
    logic [31:0]                program_unit;   // of 64 bytes, from the image
    logic [63:0]                port_base;
    logic [63:0]                port_stride;
    logic [31:0]                max_context;
    logic [31:0]                vocab;
    logic [31:0]                chunk;          // tokens of the prompt that a pass takes at most
    logic [31:0]                new_tokens;     // 0: read the prompt, produce nothing
    logic                       noise;
    logic                       stop;
    logic [31:0]                inv_temp;
    logic [31:0]                seed;
    end_token_t [EndTokens-1:0] end_tokens;
  } run_t;

  // From the sequencer, every cycle.
  typedef struct packed {
    logic                    idle;              // a start would be taken, nothing is in flight
    logic                    done;              // one cycle: the run has ended, every token of it was taken by the output stream
    ended_e                  ended_by;          // with done
    logic                    error;             // one cycle: the run has failed
    cause_e                  cause;             // with error
    logic [7:0]              place;             // with error: a unit_e, or UnitPort + slice
    logic [63:0]             addr;              // with error
    logic [15:0]             descriptor;        // at work
    logic [31:0]             position;
    logic                    progress;          // the watchdog starts anew
    logic [3:0]              turn;              // the unit_e that this cycle counts for, UnitIdle to UnitControl
    logic                    stall_memory;
    logic                    stall_dependency;
    logic [Classes-1:0][6:0] beats;             // of 32 bytes that moved in this cycle
  } status_t;
endpackage
