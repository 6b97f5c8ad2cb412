// tb_stream: bulk runs of hbm_streamer without Python in the loop. Descriptors from a random generator, hashed memory,
// every beat (data, tlast, tuser) compared with the hash of the address it must have come from, random stalls everywhere.
//
// start_i after a reset runs total_i beats; done_o rises with the last one. cycles_o counts from the first descriptor
// handshake to the last beat, both included; errors_o counts wrong beats.
//   mode_i 0: one descriptor of total_i beats   1: one-beat descriptors, random addresses   2: random lengths 1..64
module tb_stream
  import axi_read_mem_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned FetchDescs = 128
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        start_i,
    input  logic [ 1:0] mode_i,
    input  logic [31:0] total_i,
    input  logic [31:0] seed_i,
    input  logic [15:0] latency_i,
    input  logic [ 7:0] desc_stall_i,  // probabilities in 1/256
    input  logic [ 7:0] out_stall_i,
    input  logic [ 7:0] ar_stall_i,
    input  logic [ 7:0] r_gap_i,
    output logic        done_o,
    output logic [31:0] errors_o,
    output logic [31:0] beats_o,
    output logic [31:0] cycles_o,
    output logic [31:0] ars_o
);
  localparam int unsigned AddrW = 64;
  localparam int unsigned TagW = 8;
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned Log = 4096;  // descriptors that can be under way

  // ---- descriptors -------------------------------------------------------------------------------------------
  logic [31:0] rnd_a_q, rnd_b_q, rnd_stall_q;
  logic [31:0] left_q;  // beats not yet asked for
  logic running_q, offer_q, timing_q;
  logic [AddrW-1:0] desc_addr_q;
  logic [31:0] desc_beats_q, pick;
  logic [TagW-1:0] desc_tag_q;
  logic desc_ready;
  wire desc_take = offer_q && desc_ready;

  always_comb begin
    case (mode_i)
      2'd0: pick = left_q;
      2'd1: pick = 1;
      default: pick = rnd_a_q[9] ? 1 : 32'(rnd_a_q[5:0]) + 1;
    endcase
    if (pick > left_q) pick = left_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rnd_a_q <= seed_i ^ 32'h1357_9bdf;
      rnd_b_q <= seed_i ^ 32'h2468_ace1;
      rnd_stall_q <= seed_i ^ 32'h0f1e_2d3c;
      running_q <= 1'b0;
      offer_q <= 1'b0;
      left_q <= total_i;
    end else begin
      running_q <= running_q || start_i;
      rnd_stall_q <= next_random(rnd_stall_q);
      if (desc_take) offer_q <= 1'b0;
      if (running_q && left_q != 0 && (!offer_q || desc_ready) && rnd_stall_q[7:0] >= desc_stall_i) begin
        offer_q <= 1'b1;
        desc_addr_q <= {1'b0, rnd_a_q[30:0], rnd_b_q} & ~64'(BeatBytes - 1);
        desc_beats_q <= pick;
        desc_tag_q <= rnd_b_q[31:24];
        left_q <= left_q - pick;
        rnd_a_q <= next_random(rnd_a_q);
        rnd_b_q <= next_random(rnd_b_q);
      end
    end
  end

  // ---- what was asked for, and the check -----------------------------------------------------------------------
  logic [AddrW-1:0] log_addr[Log];
  logic [31:0] log_beats[Log];
  logic [TagW-1:0] log_tag[Log];
  logic [11:0] log_wr_q, log_rd_q;
  logic [31:0] at_q;  // beat within its descriptor
  logic [DataW-1:0] data, want;
  logic [TagW-1:0] tag;
  logic last, valid, ready, error;
  wire [63:0] addr = log_addr[log_rd_q] + 64'(at_q) * 64'(BeatBytes);
  wire end_of_desc = at_q + 1 == log_beats[log_rd_q];

  assign ready = rnd_stall_q[15:8] >= out_stall_i;

  always_comb for (int unsigned i = 0; i < DataW / 32; i++) want[32*i+:32] = hash_word((addr >> 2) + 64'(i));

  always_ff @(posedge clk_i) begin
    if (desc_take) begin
      log_addr[log_wr_q]  <= desc_addr_q;
      log_beats[log_wr_q] <= desc_beats_q;
      log_tag[log_wr_q]   <= desc_tag_q;
    end
    if (!rst_ni) begin
      log_wr_q <= '0;
      log_rd_q <= '0;
      at_q <= '0;
      errors_o <= '0;
      beats_o <= '0;
      cycles_o <= '0;
      timing_q <= 1'b0;
      done_o <= 1'b0;
    end else begin
      if (desc_take) log_wr_q <= log_wr_q + 1;
      if (desc_take) timing_q <= 1'b1;
      if (desc_take || (timing_q && !done_o)) cycles_o <= cycles_o + 1;
      if (valid && ready) begin
        beats_o <= beats_o + 1;
        done_o  <= beats_o + 1 == total_i;
        if (log_wr_q == log_rd_q || data != want || tag != log_tag[log_rd_q] || last != end_of_desc) begin
          errors_o <= errors_o + 1;
        end
        at_q <= end_of_desc ? '0 : at_q + 1;
        if (end_of_desc) log_rd_q <= log_rd_q + 1;
      end
    end
  end

  a_no_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !error);

  // ---- streamer and memory -------------------------------------------------------------------------------------
  logic [0:0] arid, rid;
  logic [AddrW-1:0] araddr, error_addr;
  logic [7:0] arlen;
  logic [2:0] arsize, arprot;
  logic [1:0] arburst, rresp;
  logic [3:0] arcache, error_cause;
  logic [DataW-1:0] rdata;
  logic [TagW-1:0] error_tag;
  logic arvalid, arready, rlast, rvalid, rready, busy, idle;
  logic [31:0] mem_beats;

  hbm_streamer #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .TagW         (TagW),
      .WindowBytes  (WindowBytes),
      .MaxBurstBytes(MaxBurstBytes),
      .BufferBeats  (BufferBeats),
      .FetchDescs   (FetchDescs)
  ) i_dut (
      .clk_i,
      .rst_ni,
      .s_desc_addr  (desc_addr_q),
      .s_desc_bytes (desc_beats_q * BeatBytes),
      .s_desc_tag   (desc_tag_q),
      .s_desc_tvalid(offer_q),
      .s_desc_tready(desc_ready),
      .m_axis_tdata (data),
      .m_axis_tlast (last),
      .m_axis_tuser (tag),
      .m_axis_tvalid(valid),
      .m_axis_tready(ready),
      .m_axi_arid   (arid),
      .m_axi_araddr (araddr),
      .m_axi_arlen  (arlen),
      .m_axi_arsize (arsize),
      .m_axi_arburst(arburst),
      .m_axi_arcache(arcache),
      .m_axi_arprot (arprot),
      .m_axi_arvalid(arvalid),
      .m_axi_arready(arready),
      .m_axi_rid    (rid),
      .m_axi_rdata  (rdata),
      .m_axi_rresp  (rresp),
      .m_axi_rlast  (rlast),
      .m_axi_rvalid (rvalid),
      .m_axi_rready (rready),
      .clear_i      (1'b0),
      .busy_o       (busy),
      .idle_o       (idle),
      .error_o      (error),
      .error_cause_o(error_cause),
      .error_addr_o (error_addr),
      .error_tag_o  (error_tag)
  );

  axi_read_mem #(
      .DataW(DataW),
      .AddrW(AddrW),
      .Hash (1'b1)
  ) i_mem (
      .clk_i,
      .rst_ni,
      .s_axi_arid   (arid),
      .s_axi_araddr (araddr),
      .s_axi_arlen  (arlen),
      .s_axi_arsize (arsize),
      .s_axi_arburst(arburst),
      .s_axi_arvalid(arvalid),
      .s_axi_arready(arready),
      .s_axi_rid    (rid),
      .s_axi_rdata  (rdata),
      .s_axi_rresp  (rresp),
      .s_axi_rlast  (rlast),
      .s_axi_rvalid (rvalid),
      .s_axi_rready (rready),
      .latency_i,
      .ar_stall_i,
      .r_gap_i,
      .seed_i,
      .err_en_i     (1'b0),
      .err_addr_i   ('0),
      .err_resp_i   ('0),
      .err_last_i   (1'b0),
      .dead_i       (1'b0),
      .load_i       (1'b0),
      .ars_o,
      .beats_o      (mem_beats)
  );
endmodule
