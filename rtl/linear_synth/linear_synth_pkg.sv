// linear_synth_pkg: what travels between the units of linear_synth, and where an error comes from.
package linear_synth_pkg;
  localparam int unsigned BeatW = 256;  // of a port and of the pairs
  localparam int unsigned OutputStep = 16;  // a command has a multiple of this many outputs
  localparam int unsigned PairsPerBeat = 8;
  localparam int unsigned OutputW = 22;  // bits of a number of outputs: 2^18 and what one more round adds to it

  localparam int unsigned ActCentroids = 64;  // of a position, in a search
  localparam int unsigned CidxW = $clog2(ActCentroids);

  // How the sums of a round leave the slices, see linear_synth_join: groups of slices, as many as the collector has banks, and the
  // bits of a wave's number.
  function automatic int unsigned groups_of(input int unsigned slices, input int unsigned banks);
    return (slices < banks) ? slices : banks;
  endfunction
  function automatic int unsigned wave_bits(input int unsigned slices, input int unsigned banks);
    return (slices > 2 * banks) ? $clog2(slices / banks) : 1;
  endfunction

  // Where the rows come from, or what is done instead.
  typedef enum logic [1:0] {
    ModeSynth  = 2'd0,  // a wvq linear: rows are calculated
    ModeSearch = 2'd1,  // the centroids of an input: their indices stay for the commands that follow
    ModeGather = 2'd2   // a covq linear: rows are fetched, as the indices say
  } mode_e;

  // One linear for one token or some. Fields are explained at linear_synth's ports.
  typedef struct packed {
    logic [ 1:0] mode;
    logic [ 3:0] act_bits;
    logic [ 1:0] code;
    logic [15:0] inputs;
    logic [18:0] outputs;
    logic [15:0] positions;
    logic [15:0] group;
    logic [ 2:0] subsets;
    logic [31:0] stream;
    logic [31:0] beats;
    logic [ 3:0] tokens;
  } command_t;

  // A slice's part of a command.
  typedef struct packed {
    mode_e              mode;
    logic [1:0]         code;
    logic [15:0]        first;        // block of its subset; of a search: its first block
    logic [15:0]        last;         // the block behind the last; of a search: first and the number of blocks
    logic [18:0]        outputs;
    logic [15:0]        group;
    logic [2:0]         subsets;
    logic [OutputW-1:0] output_first; // of its first group
    logic [3:0]         tokens;
  } setup_t;

  // What a slice does in a round.
  typedef struct packed {
    mode_e       mode;
    logic        some;     // there is a job
    logic        work;     // the gather has to know: a job, or a command without any
    logic        last;     // nothing more in this command
    logic [15:0] first;    // block
    logic [15:0] blocks;
    logic [15:0] slots;
    logic [1:0]  code;
    logic [2:0]  subsets;
    logic [3:0]  tokens;
  } job_t;

  // Where the cause in error_cause_o comes from.
  typedef enum logic [2:0] {
    FromNone    = 3'd0,
    FromCommand = 3'd1,  // command_cause_e
    FromVector  = 3'd2,  // length_cause_e: the activations
    FromPairs   = 3'd3,  // length_cause_e
    FromPort    = 3'd4,  // hbm_streamer_pkg::cause_e of a slice's port
    FromPacket  = 3'd5   // packet_cause_e: what a slice's port delivered
  } error_source_e;

  typedef enum logic [3:0] {
    CommandNone      = 4'd0,
    CommandBits      = 4'd1,  // act_bits
    CommandCode      = 4'd2,
    CommandInputs    = 4'd3,
    CommandOutputs   = 4'd4,
    CommandPositions = 4'd5,
    CommandGroup     = 4'd6,
    CommandSubsets   = 4'd7,
    CommandBeats     = 4'd8,
    CommandTokens    = 4'd9,
    CommandMode      = 4'd10
  } command_cause_e;

  typedef enum logic [3:0] {
    LengthNone  = 4'd0,
    LengthEarly = 4'd1,  // tlast before the end
    LengthLate  = 4'd2,  // no tlast at the end
    LengthRange = 4'd3   // a pair names an input that the command has not
  } length_cause_e;

  typedef enum logic [3:0] {
    PacketNone    = 4'd0,
    PacketBlocks  = 4'd1,  // job header: not the blocks of this subset
    PacketSlots   = 4'd2,  // not the slots of this group
    PacketCode    = 4'd3,  // not the command's centroids
    PacketOutput  = 4'd4,  // not this group's first output
    PacketRun     = 4'd5,  // run header: a border outside of the job, or no exponent
    PacketShort   = 4'd6,  // the stream ends inside a job
    PacketMissing = 4'd7,  // fewer jobs than the command has
    PacketMore    = 4'd8   // more jobs
  } packet_cause_e;
endpackage
