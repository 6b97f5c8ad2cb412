// accel_pkg: what travels between the parts of qwen3_accel. A descriptor is 64 bytes, see docs/program.md.
package accel_pkg;
  localparam int unsigned Lanes = 16;  // binary32 values of a line of the frame and of every stream between engines
  localparam int unsigned BeatW = 256;  // of every memory port
  localparam int unsigned LineBits = 32 * Lanes;
  localparam int unsigned LineW = 16;  // lines of the frame, at most
  localparam int unsigned PositionW = 20;
  localparam int unsigned TokenW = 20;

  // Operations, as descriptors carry them; they number the engines too.
  typedef enum logic [3:0] {
    OpNone        = 4'd0,
    OpEmbed       = 4'd1,
    OpRmsNorm     = 4'd2,
    OpRope        = 4'd3,
    OpLinearSynth = 4'd4,
    OpLinearTable = 4'd5,
    OpAttention   = 4'd6,
    OpSwiglu      = 4'd7,
    OpSample      = 4'd8,
    OpEnd         = 4'd15
  } op_e;

  // Flags of a descriptor.
  localparam int unsigned FlagLast = 0;
  localparam int unsigned FlagResidual = 1;
  localparam int unsigned FlagLogits = 2;
  localparam int unsigned FlagSearch = 3;

  typedef logic [15:0][31:0] descriptor_t;  // its words; word 0: operation [7:0], flags [15:8], stage [31:16]

  function automatic op_e operation(input descriptor_t d);
    return op_e'(d[0][3:0]);
  endfunction

  function automatic logic flag(input descriptor_t d, input int unsigned n);
    return d[0][8+n];
  endfunction

  // Words of the frame as lines. The compiler places everything on whole lines.
  function automatic logic [LineW-1:0] lines(input logic [31:0] words);
    return words[LineW+3:4];
  endfunction

  // Who a beat of the auxiliary port is for.
  typedef enum logic [2:0] {
    AuxProgram  = 3'd0,
    AuxEmbed    = 3'd1,
    AuxConstant = 3'd2,  // gains, rows of the RoPE table, scales: in the order in which they are used
    AuxPairs    = 3'd3,  // to linear_synth
    AuxVecPairs = 3'd4,  // to the input of linear_covq, and
    AuxVecExp   = 3'd5,
    AuxHeader   = 3'd6   // of the image
  } aux_e;

  typedef struct packed {
    logic [63:0] addr;
    logic [31:0] bytes;
    aux_e        tag;
  } read_t;

  // A token's run through the program.
  typedef struct packed {
    logic [TokenW-1:0]    token;
    logic [PositionW-1:0] position;
    logic                 last;      // operations with LAST run
  } pass_t;
endpackage
