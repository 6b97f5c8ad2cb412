// accel_pkg: what travels between the parts of qwen3_accel. A descriptor is 64 bytes, see docs/program.md.
package accel_pkg;
  localparam int unsigned BeatW = 256;  // of every memory port
  localparam int unsigned WindowW = 44;  // address bits that the stream ports calculate with; those above are the port base's
  localparam int unsigned LineW = 16;  // lines of the frame, at most
  localparam int unsigned PositionW = 20;
  localparam int unsigned TokenW = 20;
  localparam int unsigned MaxTokens = 16;  // of a pass: of both its batches
  localparam int unsigned TokenPlaceW = $clog2(MaxTokens);  // a token's place in its pass

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
    OpSearch      = 4'd9,
    OpGather      = 4'd10,
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

  // Words of the frame as lines of `lanes` words, a power of two. The compiler places everything on whole lines.
  function automatic logic [LineW-1:0] lines(input logic [31:0] words, input int unsigned lanes);
    return LineW'(words >> $clog2(lanes));
  endfunction

  // Stations: each works on one operation at a time, all of them at once. Those up to Normer2 write the frame. Norms take turns at
  // their two stations, which share an engine: accel_norm. Linears and attention have two: what they read goes in at LinearIn and
  // AttendIn, what they write comes out at Linear and Attender, so the next one's can go in meanwhile.
  localparam int unsigned Embedder = 0, Normer = 1, Roper = 2, Linear = 3, Attender = 4, Gater = 5, Normer2 = 6, Chooser = 7, LinearIn = 8,
      AttendIn = 9;
  localparam int unsigned StationW = 4;
  localparam int unsigned Stations = 10;
  localparam int unsigned Writers = 7;

  // The halves of such an operation.
  function automatic logic feeds(input descriptor_t d);
    return operation(d) inside {OpLinearSynth, OpSearch, OpAttention} || (operation(d) == OpLinearTable && flag(d, FlagSearch));
  endfunction
  function automatic logic drains(input descriptor_t d);
    return operation(d) inside {OpLinearSynth, OpGather, OpLinearTable, OpAttention};
  endfunction

  function automatic logic [StationW-1:0] station_of(input op_e op, input logic second, input logic feed);
    case (op)
      OpEmbed:     return StationW'(Embedder);
      OpRmsNorm:   return second ? StationW'(Normer2) : StationW'(Normer);
      OpRope:      return StationW'(Roper);
      OpAttention: return feed ? StationW'(AttendIn) : StationW'(Attender);
      OpSwiglu:    return StationW'(Gater);
      OpLinearSynth, OpLinearTable, OpSearch, OpGather: return feed ? StationW'(LinearIn) : StationW'(Linear);
      default:     return StationW'(Chooser);
    endcase
  endfunction

  // What an operation reads or writes: lines of the frame.
  typedef struct packed {
    logic [LineW-1:0] line;
    logic [LineW-1:0] lines;
    logic             on;
  } span_t;

  // Reading streams of the frame, and who they belong to.
  localparam int unsigned Readers = 9;
  localparam int unsigned FromNorm = 0, FromRope = 1, FromLinear = 2, FromResidual = 3, FromQuery = 4, FromKeyValue = 5,
      FromGate = 6, FromUp = 7, FromNorm2 = 8;
  localparam int unsigned Reader[Readers] = '{Normer, Roper, LinearIn, Linear, AttendIn, AttendIn, Gater, Gater, Normer2};

  // In which order a stream goes through its lines.
  typedef enum logic [1:0] {
    OneToken,     // those of one token
    EveryLine,    // every line of the program for one token after the other
    EveryVector   // all lines of a token, then those of the next
  } order_e;

  // Every line of the program is Tokens lines of the frame, one for each token of a batch. The lines from `line` up to `stop`,
  // without it, where a line of the program ends, are still to be read, or to be written: of all tokens (EveryLine), or of the
  // token at `place`; those of tokens behind it (EveryVector) from `first` on.
  typedef struct packed {
    logic [LineW-1:0]  line;
    logic [LineW-1:0]  first;
    logic [LineW-1:0]  stop;
    logic              on;
    order_e            order;
    logic [TokenPlaceW-1:0] place;
  } rest_t;

  // Tokens of an operation: `count` from the place `first` on.
  typedef struct packed {
    logic [TokenPlaceW-1:0] first;
    logic [TokenPlaceW:0]   count;
  } tokens_t;

  // Who a beat of the auxiliary port is for.
  typedef enum logic [3:0] {
    AuxProgram  = 4'd0,
    AuxEmbed    = 4'd1,
    AuxGain     = 4'd2,  // to rms_norm
    AuxRow      = 4'd3,  // of the RoPE table
    AuxScale    = 4'd4,  // to dequant
    AuxPairs    = 4'd5,  // to linear_synth
    AuxVecPairs = 4'd6,  // to the input of linear_covq, and
    AuxVecExp   = 4'd7,
    AuxHeader   = 4'd8,  // of the image
    AuxFactor   = 4'd9,  // of activations, to linear_synth
    AuxStart    = 4'd10  // to dequant, through a port of their own
  } aux_e;

  typedef struct packed {
    logic [63:0] addr;
    logic [31:0] bytes;
    aux_e        tag;
  } read_t;

  // A run through the program: of one token, or of some that follow each other in the prompt.
  typedef struct packed {
    logic [MaxTokens-1:0][TokenW-1:0] token;
    logic [TokenPlaceW:0]                  count;
    logic [PositionW-1:0]             position;  // of the first
    logic                             last;      // operations with LAST run, for the last token alone
  } pass_t;

  // A descriptor on its way: which batch it is for, and its number in the program.
  typedef struct packed {
    descriptor_t op;
    logic        batch;
    logic [15:0] number;
  } step_t;

  // A pass of more than `tokens` tokens, a power of two, has two batches: the first `tokens` and the others. The first one's place in
  // the pass:
  function automatic logic [TokenPlaceW-1:0] batch_place(input logic batch, input int unsigned tokens);
    return batch ? TokenPlaceW'(tokens) : '0;
  endfunction
  // The tokens of an operation for a batch, in a pass of `count`, counted from the batch's first.
  function automatic tokens_t tokens_of(input descriptor_t d, input logic [TokenPlaceW:0] count, input logic batch,
      input int unsigned tokens);
    logic [TokenPlaceW:0] most = (TokenPlaceW + 1)'(tokens);
    logic [TokenPlaceW:0] mine = batch ? count - most : (count > most) ? most : count;
    return flag(d, FlagLast) ? '{first: TokenPlaceW'(mine - (TokenPlaceW + 1)'(1)), count: (TokenPlaceW + 1)'(1)} : '{first: '0, count: mine};
  endfunction
endpackage
