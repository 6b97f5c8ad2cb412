// accel_aux: the auxiliary port: everything but streams, keys, values and what linear_covq reads, through one hbm_streamer.
//
//   program -> fetch   rows of the embedding -> embed   gains, RoPE rows, scales, factors, start values -> constants: queues of lines
//   the image's header -> accel_header   pairs -> linear_synth   pairs, exponents -> input of linear_covq
//
// Reads are answered in the order in which they were taken. What waits for its engine waits in a queue of its own; when that is
// full, in front of the others. See accel_prefetch for why that cannot lock up.
//
// With Gather start values have a port of their own: as many again as scales, and one port brings no more of both than the sums need.
//
// Latency:       hbm_streamer's, and accel_lines' for constants. Throughput: a beat of 256 bits a cycle; constants that wait a line.
//
// Parameters:
//   Lanes       values of a line
//   ScaleLines  lines of scales that can wait
//   GainLines   lines of gains that can wait
//   FactorLines lines of factors that can wait, with Gather: those of its longest vector at least
//   PairBeats   of pairs that can wait for linear_synth, and for the input of linear_covq: those of its longest vector at least
module accel_aux
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned ScaleLines = 512,
    parameter int unsigned GainLines = 64,
    parameter int unsigned PairBeats = 256,
    parameter int unsigned FactorLines = 64,
    parameter bit Gather = 1'b0,
    localparam int unsigned Constants = Gather ? 5 : 3,
    localparam int unsigned Queues = Gather ? 4 : 3,  // of the auxiliary port itself
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,        // of the AXI side
    input  logic                             core_rst_ni,   // of the rest; low during a clear
    input  logic                             clear_i,
    input  read_t     [      3:0]            s_read_i,      // in the order of their precedence
    input  logic      [      3:0]            s_read_valid_i,
    output logic      [      3:0]            s_read_ready_o,
    output logic      [BeatW-1:0]            m_beat_o,      // for program, embed
    output logic                             m_last_o,
    output logic                             m_header_valid_o,  // always taken
    output logic                             m_program_valid_o,
    input  logic                             m_program_ready_i,
    output logic                             m_embed_valid_o,
    input  logic                             m_embed_ready_i,
    output logic [BeatW-1:0]                 m_pairs_o,
    output logic                             m_pairs_last_o,
    output logic                             m_pairs_valid_o,
    input  logic                             m_pairs_ready_i,
    output logic      [BeatW-1:0]            m_vec_pairs_o,
    output logic                             m_vec_pairs_valid_o,
    input  logic                             m_vec_pairs_ready_i,
    output logic      [BeatW-1:0]            m_vec_exp_o,
    output logic                             m_vec_exp_valid_o,
    input  logic                             m_vec_exp_ready_i,
    output logic [Constants-1:0][LineBits-1:0] m_constant_o,  // gains, RoPE rows, scales, factors, start values
    output logic [Constants-1:0]             m_constant_last_o,
    output logic [Constants-1:0]             m_constant_valid_o,
    input  logic [Constants-1:0]             m_constant_ready_i,
    output logic                             idle_o,
    output logic                             error_o,
    output hbm_streamer_pkg::cause_e         cause_o,
    output logic      [63:0]                 addr_o,
    // AXI4
    output logic      [ 0:0]                 m_axi_arid,
    output logic      [63:0]                 m_axi_araddr,
    output logic      [ 7:0]                 m_axi_arlen,
    output logic      [ 2:0]                 m_axi_arsize,
    output logic      [ 1:0]                 m_axi_arburst,
    output logic      [ 3:0]                 m_axi_arcache,
    output logic      [ 2:0]                 m_axi_arprot,
    output logic                             m_axi_arvalid,
    input  logic                             m_axi_arready,
    input  logic      [ 0:0]                 m_axi_rid,
    input  logic      [BeatW-1:0]            m_axi_rdata,
    input  logic      [ 1:0]                 m_axi_rresp,
    input  logic                             m_axi_rlast,
    input  logic                             m_axi_rvalid,
    output logic                             m_axi_rready,
    // the port of the start values
    output logic      [ 0:0]                 m_axi_start_arid,
    output logic      [63:0]                 m_axi_start_araddr,
    output logic      [ 7:0]                 m_axi_start_arlen,
    output logic      [ 2:0]                 m_axi_start_arsize,
    output logic      [ 1:0]                 m_axi_start_arburst,
    output logic      [ 3:0]                 m_axi_start_arcache,
    output logic      [ 2:0]                 m_axi_start_arprot,
    output logic                             m_axi_start_arvalid,
    input  logic                             m_axi_start_arready,
    input  logic      [ 0:0]                 m_axi_start_rid,
    input  logic      [BeatW-1:0]            m_axi_start_rdata,
    input  logic      [ 1:0]                 m_axi_start_rresp,
    input  logic                             m_axi_start_rlast,
    input  logic                             m_axi_start_rvalid,
    output logic                             m_axi_start_rready
);
  read_t read;
  logic read_valid, read_ready, busy, start_ready;
  wire start = Gather && s_read_i[3].tag == AuxStart;  // the last read, which goes another way
  wire [3:0] here = {s_read_valid_i[3] && !start, s_read_valid_i[2:0]};
  always_comb begin
    read = s_read_i[3];
    for (int n = 2; n >= 0; n--) if (here[n]) read = s_read_i[n];
    s_read_ready_o = '0;
    for (int n = 0; n < 4; n++) begin
      s_read_ready_o[n] = read_ready;
      for (int m = 0; m < n; m++) if (here[m]) s_read_ready_o[n] = 1'b0;
    end
    if (start) s_read_ready_o[3] = start_ready;
  end
  assign read_valid = here != '0 && core_rst_ni;

  logic reader_idle, start_idle, reader_error, start_error;
  hbm_streamer_pkg::cause_e reader_cause, start_cause;
  logic [63:0] reader_addr, start_addr;
  logic [3:0] tag, error_tag;
  logic beat_valid, beat_ready, pairs_room, vec_pairs_room, exp_room;
  logic [Queues-1:0] const_room;
  hbm_streamer #(.DataW(BeatW), .AddrW(64), .TagW(4), .IdW(1)) u_reader (
      .clk_i, .rst_ni,
      .s_desc_addr(read.addr), .s_desc_bytes(read.bytes), .s_desc_tag(read.tag),
      .s_desc_tvalid(read_valid), .s_desc_tready(read_ready),
      .m_axis_tdata(m_beat_o), .m_axis_tlast(m_last_o), .m_axis_tuser(tag), .m_axis_tvalid(beat_valid),
      .m_axis_tready(beat_ready),
      .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst, .m_axi_arcache, .m_axi_arprot,
      .m_axi_arvalid, .m_axi_arready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready,
      .clear_i, .busy_o(busy), .idle_o(reader_idle), .error_o(reader_error), .error_cause_o(reader_cause), .error_addr_o(reader_addr),
      .error_tag_o(error_tag)
  );
  assign idle_o  = reader_idle && start_idle;
  assign error_o = reader_error || start_error;
  assign cause_o = reader_error ? reader_cause : start_cause;
  assign addr_o  = reader_error ? reader_addr : start_addr;
  wire beat_here = beat_valid && core_rst_ni;
  assign m_header_valid_o = beat_here && tag == AuxHeader;
  assign m_program_valid_o = beat_here && tag == AuxProgram;
  assign m_embed_valid_o = beat_here && tag == AuxEmbed;
  always_comb begin
    case (tag)
      AuxProgram:  beat_ready = m_program_ready_i;
      AuxEmbed:    beat_ready = m_embed_ready_i;
      AuxGain:     beat_ready = const_room[0];
      AuxRow:      beat_ready = const_room[1];
      AuxScale:    beat_ready = const_room[2];
      AuxFactor:   beat_ready = const_room[Queues-1];
      AuxPairs:    beat_ready = pairs_room;
      AuxVecPairs: beat_ready = vec_pairs_room;
      AuxVecExp:   beat_ready = exp_room;
      default:     beat_ready = 1'b1;
    endcase
  end

  // Lists of later linears wait here, out of the way of what lies behind them.
  logic [$clog2(PairBeats+3)-1:0] pairs_level, vec_pairs_level;
  fifo_block #(.Width(BeatW + 1), .Depth(PairBeats), .Style("auto")) u_pairs (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0), .s_data_i({m_last_o, m_beat_o}), .s_valid_i(beat_here && tag == AuxPairs),
      .s_ready_o(pairs_room), .m_data_o({m_pairs_last_o, m_pairs_o}), .m_valid_o(m_pairs_valid_o), .m_ready_i(m_pairs_ready_i),
      .level_o(pairs_level)
  );
  fifo_block #(.Width(BeatW), .Depth(PairBeats), .Style("auto")) u_vec_pairs (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0), .s_data_i(m_beat_o), .s_valid_i(beat_here && tag == AuxVecPairs),
      .s_ready_o(vec_pairs_room), .m_data_o(m_vec_pairs_o), .m_valid_o(m_vec_pairs_valid_o), .m_ready_i(m_vec_pairs_ready_i),
      .level_o(vec_pairs_level)
  );
  logic [2:0] exp_level;
  fifo #(.Width(BeatW), .Depth(4)) u_exp (
      .clk_i, .rst_ni(core_rst_ni), .clear_i(1'b0), .s_data_i(m_beat_o), .s_valid_i(beat_here && tag == AuxVecExp),
      .s_ready_o(exp_room), .m_data_o(m_vec_exp_o), .m_valid_o(m_vec_exp_valid_o), .m_ready_i(m_vec_exp_ready_i),
      .level_o(exp_level)
  );

  // ---- constants -------------------------------------------------------------------------------------------------------
  localparam int unsigned Waiting[4] = '{GainLines, 16, ScaleLines, FactorLines};
  localparam aux_e Tag[4] = '{AuxGain, AuxRow, AuxScale, AuxFactor};
  for (genvar n = 0; n < Queues; n++) begin : gen_constants
    accel_lines #(.Lanes(Lanes), .Depth(Waiting[n])) u_lines (
        .clk_i, .rst_ni(core_rst_ni), .s_beat_i(m_beat_o), .s_last_i(m_last_o), .s_valid_i(beat_here && tag == Tag[n]),
        .s_ready_o(const_room[n]), .m_data_o(m_constant_o[n]), .m_last_o(m_constant_last_o[n]),
        .m_valid_o(m_constant_valid_o[n]), .m_ready_i(m_constant_ready_i[n])
    );
  end
  wire unused = ^{busy, error_tag, pairs_level, vec_pairs_level, exp_level};

  if (Gather) begin : gen_starts
    logic [BeatW-1:0] start_beat;
    logic start_last, start_valid, start_room, unused_busy;
    logic [3:0] unused_tag, unused_error_tag;
    hbm_streamer #(.DataW(BeatW), .AddrW(64), .TagW(4), .IdW(1)) u_reader (
        .clk_i, .rst_ni,
        .s_desc_addr(s_read_i[3].addr), .s_desc_bytes(s_read_i[3].bytes), .s_desc_tag(s_read_i[3].tag),
        .s_desc_tvalid(s_read_valid_i[3] && start && core_rst_ni), .s_desc_tready(start_ready),
        .m_axis_tdata(start_beat), .m_axis_tlast(start_last), .m_axis_tuser(unused_tag), .m_axis_tvalid(start_valid),
        .m_axis_tready(start_room),
        .m_axi_arid(m_axi_start_arid), .m_axi_araddr(m_axi_start_araddr), .m_axi_arlen(m_axi_start_arlen),
        .m_axi_arsize(m_axi_start_arsize), .m_axi_arburst(m_axi_start_arburst), .m_axi_arcache(m_axi_start_arcache),
        .m_axi_arprot(m_axi_start_arprot), .m_axi_arvalid(m_axi_start_arvalid), .m_axi_arready(m_axi_start_arready),
        .m_axi_rid(m_axi_start_rid), .m_axi_rdata(m_axi_start_rdata), .m_axi_rresp(m_axi_start_rresp),
        .m_axi_rlast(m_axi_start_rlast), .m_axi_rvalid(m_axi_start_rvalid), .m_axi_rready(m_axi_start_rready),
        .clear_i, .busy_o(unused_busy), .idle_o(start_idle), .error_o(start_error), .error_cause_o(start_cause),
        .error_addr_o(start_addr), .error_tag_o(unused_error_tag)
    );
    accel_lines #(.Lanes(Lanes), .Depth(ScaleLines)) u_lines (
        .clk_i, .rst_ni(core_rst_ni), .s_beat_i(start_beat), .s_last_i(start_last), .s_valid_i(start_valid && core_rst_ni),
        .s_ready_o(start_room), .m_data_o(m_constant_o[4]), .m_last_o(m_constant_last_o[4]), .m_valid_o(m_constant_valid_o[4]),
        .m_ready_i(m_constant_ready_i[4])
    );
  end else begin : gen_no_starts
    assign start_ready = 1'b0;
    assign start_idle  = 1'b1;
    assign start_error = 1'b0;
    assign start_cause = hbm_streamer_pkg::CauseNone;
    assign start_addr  = '0;
    assign {m_axi_start_arid, m_axi_start_araddr, m_axi_start_arlen, m_axi_start_arsize, m_axi_start_arburst, m_axi_start_arcache,
            m_axi_start_arprot, m_axi_start_arvalid} = '0;
    assign m_axi_start_rready = 1'b1;
    wire unused_starts = ^{m_axi_start_arready, m_axi_start_rid, m_axi_start_rdata, m_axi_start_rresp, m_axi_start_rlast,
                           m_axi_start_rvalid};
  end
endmodule
